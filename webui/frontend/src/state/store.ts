// What the page knows: signals that the parts of the page look at, and what changes them when the server speaks.

import { computed, signal } from "@preact/signals";
import { csrfToken } from "./entrance";
import { Live, type Wire } from "./live";
import type { FromServer, Identity, Mailbox, Row } from "./protocol";
import { Rows } from "./rows";
import { settings, take } from "./settings";
import { parse } from "./where";

export type Source = { kind: "mailbox"; id: number } | { kind: "search"; query: string };

export interface Opened {
  key: string;
  id: string;
  thread: string;
  /** One message alone rather than its thread. */
  alone: boolean;
}

export interface Found {
  complete: boolean;
  scanned: number;
  of: number;
  words: string[];
  problems: string[];
}

export const login = signal("");
export const mailboxes = signal<Mailbox[]>([]);
export const keywords = signal<string[]>([]);
export const identities = signal<Identity[]>([]);
export const pictures = signal<Set<string>>(new Set());
export const maxSize = signal(100 * 1024 * 1024);
export const ready = signal(false);

export const source = signal<Source | null>(null);
export const rows = new Rows();
/** Goes up with every change of the rows. */
export const version = signal(0);
export const found = signal<Found | null>(null);
export const lost = signal<string | null>(null);
export const cursor = signal<string | null>(null);
export const selected = signal<ReadonlySet<string>>(new Set());
export const opened = signal<Opened | null>(null);
/** Rows that came above what is looked at: the list moves its scroll by so many. */
export const shift = signal(0);
/** What is shown on a narrow screen. */
export const drawer = signal(false);

export const mailbox = computed<Mailbox | undefined>(() => {
  const at = source.value;
  return at?.kind === "mailbox" ? mailboxes.value.find(({ id }) => id === at.id) : undefined;
});
export const query = computed(() => (source.value?.kind === "search" ? source.value.query : ""));
export const words = computed(() => (source.value?.kind === "search" ? (found.value?.words ?? []) : []));

export function role(name: Mailbox["role"]): Mailbox | undefined {
  return mailboxes.value.find((each) => each.role === name);
}

let view = 0;
const FIRST = 60;
let windowStart = 0;
let windowStop = FIRST;
/** A window was asked for and has not come: who scrolls fast asks for the last place, not for each. */
let isAsking = false;
/** The first row that is seen, by its place in the server's list. */
let firstSeen = 0;

function open(): Wire {
  const url = new URL("live", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return new WebSocket(url) as unknown as Wire;
}

/** The first thing that a page looks at, before it knows of mailboxes. */
function greeting(): object {
  if (source.value) return {};
  const where = parse(location.hash);
  if (where?.kind === "search") return {};
  return { look: { view: 1, name: where?.name ?? "", threads: settings.value.threads, start: windowStart, stop: windowStop } };
}

/** What the server shows already because it was asked for with the greeting. */
let greeted: { view: number; mailbox: number; threads: boolean } | null = null;
/** What came of that before the page knew that it looks at it. */
let early: FromServer[] = [];

export const live = new Live(open, csrfToken, heard, greeting);

function heard(message: FromServer): void {
  if (greeted && "view" in message && message.view === greeted.view) {
    early.push(message);
    return;
  }
  switch (message.t) {
    case "welcome":
      login.value = message.login;
      mailboxes.value = message.mailboxes;
      keywords.value = message.keywords;
      identities.value = message.identities;
      maxSize.value = message.maxSize;
      takeSettings(message.settings);
      greeted = message.looking ?? null;
      // A page that was there before looks again; one that opens does it now that it knows of mailboxes.
      if (source.value) look();
      ready.value = true;
      break;
    case "list":
      if (message.view !== view) return;
      isAsking = false;
      rows.list(message.total, message.start, message.rows, message.anew === true);
      version.value++;
      break;
    case "ops":
      if (message.view !== view) return;
      shift.value += rows.ops(message.total, message.ops, firstSeen);
      version.value++;
      break;
    case "found":
      if (message.view === view) found.value = message;
      break;
    case "lost":
      if (message.view === view) lost.value = message.message;
      break;
    case "mailboxes":
      takeMailboxes(message.changed, message.gone);
      break;
    case "keywords":
      keywords.value = message.names;
      break;
    case "settings":
      takeSettings(message.values);
      break;
    case "identities":
      identities.value = message.identities;
      break;
  }
}

function takeSettings(values: Record<string, unknown>): void {
  if ("webmail" in values) take(values.webmail);
  const senders = values["webmail.pictures"];
  if (Array.isArray(senders)) pictures.value = new Set(senders.filter((each) => typeof each === "string"));
}

function takeMailboxes(changed: Mailbox[], gone: number[]): void {
  const known = new Map(mailboxes.value.map((each) => [each.id, each]));
  for (const each of changed) known.set(each.id, each);
  for (const id of gone) known.delete(id);
  mailboxes.value = [...known.values()];
  const at = source.value;
  if (at?.kind === "mailbox" && gone.includes(at.id)) {
    const inbox = role("inbox");
    if (inbox) lookAt({ kind: "mailbox", id: inbox.id });
  }
}

/** Look at a mailbox or a search from now on. */
export function lookAt(next: Source): void {
  const before = source.value;
  const isSame =
    before?.kind === next.kind &&
    (next.kind === "mailbox" ? before.kind === "mailbox" && before.id === next.id : before.kind === "search" && before.query === next.query);
  if (isSame) return;
  source.value = next;
  cursor.value = null;
  selected.value = new Set();
  found.value = null;
  windowStart = firstSeen = 0;
  windowStop = FIRST;
  rows.loaded = false;
  rows.list(0, 0, [], true);
  rows.loaded = false;
  version.value++;
  if (live.state.value === "online") look();
}

function look(): void {
  const at = source.value;
  if (!at) return;
  isAsking = false;
  lost.value = null;
  rows.threads = at.kind === "mailbox" && settings.value.threads;
  if (greeted) {
    const { mailbox: id, threads } = greeted;
    const came = early;
    view = greeted.view;
    greeted = null;
    early = [];
    if (at.kind === "mailbox" && at.id === id && rows.threads === threads) {
      came.forEach(heard);
      return;
    }
  }
  live.say({ t: "leave", view });
  view++;
  const what = at.kind === "mailbox" ? { mailbox: at.id, threads: rows.threads } : { query: at.query };
  live.say({ t: "look", view, ...what, start: windowStart, stop: windowStop });
}

/** Threads are shown, or not any more. */
export function lookAgain(): void {
  cursor.value = null;
  rows.list(0, 0, [], true);
  rows.loaded = false;
  version.value++;
  if (live.state.value === "online") look();
}

const AHEAD = 40;

/** These places of the page are seen: ask for what is missing there. */
export function see(start: number, stop: number): void {
  firstSeen = rows.positions(start, stop)[0];
  if (isAsking || rows.has(start, stop) || live.state.value !== "online" || !rows.loaded) return;
  const [from, to] = rows.positions(Math.max(0, start - AHEAD), stop + AHEAD);
  if (from === windowStart && to === windowStop) return;
  windowStart = from;
  windowStop = to;
  isAsking = true;
  live.say({ t: "window", view, start: from, stop: to });
}

/** The rows that an action is about: those selected, else the open one, else that at the cursor. */
export function targets(): Row[] {
  const keys = selected.value.size ? [...selected.value] : [opened.value?.key ?? cursor.value ?? ""];
  return keys.map((key) => rows.get(key)).filter((row) => row !== undefined);
}

export function touch(): void {
  version.value++;
}

/** For a part of the page that shows rows: it is drawn again when they change. */
export function useSubscribed(): number {
  return version.value;
}
