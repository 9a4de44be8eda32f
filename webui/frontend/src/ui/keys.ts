// Every function by a key. Sequences such as "g i" are typed within a second and a half.

import { archive, asTargets, erase, junk, notJunk, toggleFlag, toggleRead, trash } from "../state/actions";
import { type Mailbox } from "../state/protocol";
import { cursor, lookAt, mailbox, opened, role, rows, targets } from "../state/store";
import { fold, unfold } from "../state/unfolding";
import { undo } from "../state/toasts";
import { shown } from "./asking";
import { chooseKeyword, chooseMailbox } from "./choosing";
import { answer, compose, takeKey } from "./composing";
import { pickMailbox } from "./mailbox-actions";
import { extendTo, leave, openRow, selectAll, step, toggle } from "./opening";
import { current, focusMessage } from "./reader";

export interface Command {
  keys: string[];
  name: string;
  group: "Go" | "Read" | "Act" | "Write" | "Page";
  run: () => void;
}

function go(name: Mailbox["role"]): void {
  const box = role(name);
  if (!box) return;
  opened.value = null;
  lookAt({ kind: "mailbox", id: box.id });
}

function message(): string | null {
  if (opened.value && current.value) return current.value;
  return targets()[0]?.id ?? null;
}

function reply(how: "reply" | "all" | "forward"): void {
  const id = message();
  if (id) void answer(id, how);
}

async function goTo(): Promise<void> {
  const box = await pickMailbox("Go to…");
  if (box) lookAt({ kind: "mailbox", id: box.id });
}

function openHere(): void {
  const row = cursor.value === null ? rows.at(0) : rows.get(cursor.value);
  if (row) openRow(row);
}

interface Actions {
  search: () => void;
  help: () => void;
  settings: () => void;
}

const nothing = () => undefined;
/** Set by the frame, which knows the parts of the page. */
export const actions: Actions = { search: nothing, help: nothing, settings: nothing };

export const COMMANDS: Command[] = [
  { keys: ["j", "ArrowDown"], name: "Next", group: "Go", run: () => step(1) },
  { keys: ["k", "ArrowUp"], name: "Previous", group: "Go", run: () => step(-1) },
  { keys: ["Shift+J", "Shift+ArrowDown"], name: "Next, and select", group: "Go", run: () => step(1, true) },
  { keys: ["Shift+K", "Shift+ArrowUp"], name: "Previous, and select", group: "Go", run: () => step(-1, true) },
  { keys: ["Enter", "o"], name: "Open", group: "Go", run: openHere },
  { keys: ["ArrowRight"], name: "Show the messages of a conversation", group: "Go", run: () => cursor.value !== null && unfold(cursor.value) },
  { keys: ["ArrowLeft"], name: "Hide them", group: "Go", run: () => cursor.value !== null && fold(cursor.value) },
  { keys: ["u"], name: "Back to the list", group: "Go", run: leave },
  { keys: ["Escape"], name: "Leave, or select nothing", group: "Go", run: leave },
  { keys: ["PageDown"], name: "A page further", group: "Go", run: () => step(10) },
  { keys: ["PageUp"], name: "A page back", group: "Go", run: () => step(-10) },
  { keys: ["Home"], name: "First", group: "Go", run: () => step(-1e9) },
  { keys: ["End"], name: "Last", group: "Go", run: () => step(1e9) },
  { keys: ["g i"], name: "Go to Inbox", group: "Go", run: () => go("inbox") },
  { keys: ["g d"], name: "Go to Drafts", group: "Go", run: () => go("drafts") },
  { keys: ["g s"], name: "Go to Sent", group: "Go", run: () => go("sent") },
  { keys: ["g a"], name: "Go to Archive", group: "Go", run: () => go("archive") },
  { keys: ["g j"], name: "Go to Junk", group: "Go", run: () => go("junk") },
  { keys: ["g t"], name: "Go to Trash", group: "Go", run: () => go("trash") },
  { keys: ["g g"], name: "Go to any mailbox", group: "Go", run: () => void goTo() },
  { keys: ["n"], name: "Next message of the conversation", group: "Read", run: () => focusMessage(1) },
  { keys: ["p"], name: "Previous message of the conversation", group: "Read", run: () => focusMessage(-1) },
  { keys: ["Space"], name: "Read on", group: "Read", run: () => document.querySelector(".reader .scroll")?.scrollBy({ top: window.innerHeight * 0.7 }) },
  { keys: ["x"], name: "Select", group: "Act", run: () => cursor.value !== null && toggle(cursor.value) },
  { keys: ["Shift+X"], name: "Select from the last one", group: "Act", run: () => cursor.value !== null && extendTo(cursor.value) },
  { keys: ["Ctrl+a"], name: "Select all that is loaded", group: "Act", run: selectAll },
  { keys: ["e"], name: "Archive", group: "Act", run: () => void archive(asTargets(targets())) },
  { keys: ["!"], name: "Junk, or not junk", group: "Act", run: () => void (mailbox.value?.role === "junk" ? notJunk : junk)(asTargets(targets())) },
  { keys: ["#", "Delete"], name: "Delete", group: "Act", run: () => void trash(asTargets(targets())) },
  { keys: ["Shift+Delete"], name: "Delete for good", group: "Act", run: () => void erase(asTargets(targets())) },
  { keys: ["m"], name: "Move to a mailbox", group: "Act", run: () => void chooseMailbox(targets()) },
  { keys: ["l"], name: "Label", group: "Act", run: () => void chooseKeyword(targets()) },
  { keys: ["s"], name: "Flag", group: "Act", run: () => void toggleFlag(targets()) },
  { keys: ["Shift+U"], name: "Read or unread", group: "Act", run: () => void toggleRead(targets()) },
  { keys: ["z"], name: "Undo", group: "Act", run: undo },
  { keys: ["c"], name: "New message", group: "Write", run: () => void compose() },
  { keys: ["r"], name: "Reply", group: "Write", run: () => reply("reply") },
  { keys: ["a"], name: "Reply to all", group: "Write", run: () => reply("all") },
  { keys: ["f"], name: "Forward", group: "Write", run: () => reply("forward") },
  { keys: ["/"], name: "Search", group: "Page", run: () => actions.search() },
  { keys: [","], name: "Settings", group: "Page", run: () => actions.settings() },
  { keys: ["?"], name: "All keys", group: "Page", run: () => actions.help() },
];

const BY_KEY = new Map(COMMANDS.flatMap((command) => command.keys.map((key) => [key, command] as const)));
const FIRST = new Set([...BY_KEY.keys()].filter((key) => key.includes(" ")).map((key) => key[0]));
const WAIT = 1500;
let begun = "";
let timer = 0;

/** The name of what was pressed: "a", "Shift+J", "Ctrl+a", "#". */
export function named(event: Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">): string {
  const key = event.key === " " ? "Space" : event.key;
  const isLetter = /^\p{L}$/u.test(key);
  const shift = event.shiftKey && (isLetter || key.length > 1) ? "Shift+" : "";
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const alt = event.altKey ? "Alt+" : "";
  return `${control}${alt}${shift}${shift && isLetter ? key.toUpperCase() : key}`;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) && (target as HTMLInputElement).type !== "checkbox";
}

export function pressed(event: KeyboardEvent): void {
  if (shown.value || isTyping(event.target) || event.isComposing) return;
  if (takeKey(event)) {
    event.preventDefault();
    return;
  }
  const key = named(event);
  const isOnButton = event.target instanceof HTMLElement && event.target.closest("button, a") && (key === "Enter" || key === "Space");
  if (isOnButton && !event.target.closest(".row")) return;
  clearTimeout(timer);
  const command = BY_KEY.get(begun ? `${begun} ${key}` : key);
  if (!begun && FIRST.has(key)) {
    begun = key;
    timer = window.setTimeout(() => (begun = ""), WAIT);
    return;
  }
  begun = "";
  if (!command) return;
  event.preventDefault();
  command.run();
}
