// Where the page begins.

import { render } from "preact";
import { App } from "./app";
import { applyTheme } from "./state/settings";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/list.css";
import "./style/reader.css";
import "./style/dialogs.css";

applyTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
