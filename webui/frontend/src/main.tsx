// Where the page begins.

import { render } from "preact";
import { App } from "./app";
import { read, who } from "./state/entrance";
import { applyTheme } from "./state/settings";
import { live } from "./state/store";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/list.css";
import "./style/reader.css";
import "./style/dialogs.css";

applyTheme();
// The first rows are asked for before anything is drawn.
if (read() && who.value) live.begin();
const root = document.getElementById("app");
if (root) render(<App />, root);
