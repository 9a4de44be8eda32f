// The frame: mailboxes, list, message, and what lies above them.

import { effect } from "@preact/signals";
import { lazy } from "./ui/lazy";
import { useEffect } from "preact/hooks";
import { check, who } from "./state/entrance";
import { settings } from "./state/settings";
import { drawer, live, lookAgain, mailbox, mailboxes, opened, query, ready, role } from "./state/store";
import { start } from "./state/router";
import { Asking, page } from "./ui/asking";
import { letters } from "./ui/composing";
import { Help } from "./ui/help";
import { actions, pressed } from "./ui/keys";
import { List } from "./ui/list";
import { Login } from "./ui/login";
import { Reader } from "./ui/reader";
import { openSettings } from "./ui/settings-way";
import { Splitter, applyWidths } from "./ui/splitter";
import { Toasts } from "./ui/toast";
import { Top, searchField } from "./ui/top";
import { Tree } from "./ui/tree";

const Composer = lazy(() => import("./ui/composer").then((module) => module.Composer));
const WIDTHS = [
  { name: "tree-width", usual: 220 },
  { name: "list-width", usual: 400 },
  { name: "list-height", usual: 320 },
];

actions.search = () => searchField.value?.focus();
actions.help = () => page("Keys", () => <Help />);
actions.settings = () => void openSettings();

function Mail() {
  useEffect(() => {
    applyWidths(WIDTHS);
    live.begin();
    start();
    const wake = () => live.now();
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    document.body.addEventListener("keydown", pressed);
    const title = effect(() => {
      const unread = role("inbox")?.unread ?? 0;
      const name = query.value ? `Search: ${query.value}` : (mailbox.value?.name ?? "Mail");
      document.title = `${unread ? `(${unread}) ` : ""}${name}`;
    });
    let threads = settings.value.threads;
    const threading = effect(() => {
      if (settings.value.threads === threads) return;
      threads = settings.value.threads;
      lookAgain();
    });
    return () => {
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      document.body.removeEventListener("keydown", pressed);
      title();
      threading();
    };
  }, []);
  const isOut = live.state.value === "out";
  useEffect(() => {
    if (isOut) void check();
  }, [isOut]);

  const { layout } = settings.value;
  const kind = `mail ${layout} ${opened.value ? "reading" : ""} ${drawer.value ? "drawer" : ""}`;
  return (
    <div class={kind}>
      <a class="skip" href="#list">
        Skip to the messages
      </a>
      <Top />
      <div class="regions">
        <div class="shade" onClick={() => (drawer.value = false)} />
        {mailboxes.value.length || ready.value ? <Tree /> : <nav class="tree" aria-label="Mailboxes" aria-busy="true" />}
        <Splitter name="tree-width" label="Width of the mailboxes" usual={220} least={140} most={420} />
        <main class="work" id="list">
          <List />
          {layout === "beside" ? (
            <Splitter name="list-width" label="Width of the list" usual={400} least={260} most={900} />
          ) : (
            <Splitter name="list-height" label="Height of the list" usual={320} least={120} most={800} vertical />
          )}
          <Reader />
        </main>
      </div>
      <div class="composers">
        {letters.value.map((letter) => (
          <Composer key={letter.id} letter={letter} />
        ))}
      </div>
      <Asking />
      <Toasts />
    </div>
  );
}

export function App() {
  useEffect(() => {
    if (who.value === undefined) check().catch(() => (who.value = null));
  }, []);
  if (who.value === undefined) return <div class="starting" aria-busy="true" />;
  if (who.value === null) return <Login />;
  return <Mail key={who.value.login} />;
}
