// Where the page is, in the part of its address behind "#": a mailbox or a search, and the message that is read.

import { effect } from "@preact/signals";
import { mailboxes, opened, ready, role, rows, source, lookAt } from "./store";
import { parse, write } from "./where";

function here(): string {
  const at = source.value;
  const message = opened.value ? `${opened.value.id}${opened.value.alone ? "" : `~${opened.value.thread}`}` : "";
  if (at?.kind === "search") return write({ kind: "search", name: at.query, message });
  const name = mailboxes.value.find(({ id }) => id === (at?.kind === "mailbox" ? at.id : 0))?.name ?? "";
  return write({ kind: "box", name, message });
}

/** Go where the address says. */
function follow(): void {
  const where = parse(location.hash);
  if (where?.kind === "search" && where.name) lookAt({ kind: "search", query: where.name });
  else {
    const named = mailboxes.value.find(({ name }) => name === where?.name) ?? role("inbox") ?? mailboxes.value[0];
    if (named) lookAt({ kind: "mailbox", id: named.id });
  }
  const [id = "", thread = ""] = (where?.message ?? "").split("~");
  if (!id) opened.value = null;
  else if (opened.value?.id !== id) opened.value = { key: thread && rows.threads ? thread : id, id, thread, alone: !thread };
}

/** Keep the address and the page together. */
export function start(): void {
  let isStarted = false;
  effect(() => {
    if (!ready.value || isStarted) return;
    isStarted = true;
    follow();
    window.addEventListener("hashchange", () => {
      if (location.hash !== here()) follow();
    });
    effect(() => {
      const wanted = here();
      if (location.hash === wanted) return;
      // Steps between messages are not steps back; opening one is.
      const wasOpen = Boolean(parse(location.hash)?.message);
      const isOpen = Boolean(opened.value);
      if (!location.hash || (wasOpen && isOpen)) history.replaceState(null, "", wanted);
      else history.pushState(null, "", wanted);
    });
  });
}
