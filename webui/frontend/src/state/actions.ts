// What people do to messages: shown at once, carried out by the server, taken back with a sentence when it refuses, and undone.

import { many } from "../text/dates";
import { FLAGGED, JUNK, type Mailbox, NOT_JUNK, type Row, SEEN, place } from "./protocol";
import { settings } from "./settings";
import { cursor, live, mailbox, mailboxes, opened, role, rows, selected, touch } from "./store";
import { doing, done, message, wrong } from "./toasts";

interface Group {
  mailbox: number;
  uids: number[];
  threads: boolean;
}

interface Moved {
  mailbox: number;
  uids: number[];
  modseq: number;
}

export interface Target {
  key: string;
  id: string;
  threads: boolean;
}

export function asTargets(chosen: Row[]): Target[] {
  return chosen.map((row) => ({ key: rows.key(row), id: row.id, threads: rows.threads }));
}

function groups(targets: Target[]): Group[] {
  const found = new Map<string, Group>();
  for (const { id, threads } of targets) {
    const { mailbox, uid } = place(id);
    const name = `${mailbox} ${String(threads)}`;
    const group = found.get(name) ?? { mailbox, uids: [], threads };
    group.uids.push(uid);
    found.set(name, group);
  }
  return [...found.values()];
}

function what(targets: Target[]): string {
  return many(targets.length, targets.every(({ threads }) => threads) ? "conversation" : "message");
}

/** Where the cursor and the reader go when rows go away. */
function stepAside(keys: Set<string>): void {
  const at = cursor.value;
  const index = at === null ? -1 : rows.indexOf(at);
  rows.hide(keys);
  if (at !== null && keys.has(at)) {
    const next = rows.at(Math.min(Math.max(index, 0), rows.length - 1));
    cursor.value = next ? rows.key(next) : null;
    if (opened.value && keys.has(opened.value.key)) {
      const wide = window.matchMedia("(min-width: 900px)").matches;
      if (next && settings.value.after === "next" && wide) opened.value = { key: rows.key(next), id: next.id, thread: next.thread, alone: !rows.threads };
      else opened.value = null;
    }
  } else if (opened.value && keys.has(opened.value.key)) opened.value = null;
  selected.value = new Set();
  touch();
}

interface Move {
  to: Mailbox;
  verb: string;
  add?: string[];
  remove?: string[];
}

export async function move(targets: Target[], { to, verb, add = [], remove = [] }: Move, now = doing()): Promise<void> {
  const chosen = targets.filter(({ id }) => place(id).mailbox !== to.id);
  if (!chosen.length) {
    now.over();
    return;
  }
  const keys = new Set(chosen.map(({ key }) => key));
  stepAside(keys);
  const moved: { from: number; result: Moved }[] = [];
  try {
    for (const group of groups(chosen)) {
      const result = await live.call<Moved>("move", { ...group, to: to.id, add, remove });
      moved.push({ from: group.mailbox, result });
    }
    done(`${verb} ${what(chosen)}`, () => void back(moved, { add: remove, remove: add }), undefined, now);
    await live.reached(Math.max(...moved.map(({ result }) => result.modseq)));
  } catch (error) {
    now.over();
    wrong(`Not done: ${message(error)}`);
  }
  rows.show(keys);
  touch();
}

async function back(moved: { from: number; result: Moved }[], change: { add: string[]; remove: string[] }): Promise<void> {
  try {
    for (const { from, result } of moved) {
      if (result.uids.length) await live.call("move", { mailbox: result.mailbox, uids: result.uids, to: from, ...change });
    }
    done("Moved back");
  } catch (error) {
    wrong(`Not undone: ${message(error)}`);
  }
}

async function toRole(targets: Target[], name: "archive" | "junk" | "trash", rest: Omit<Move, "to">): Promise<void> {
  const now = doing();
  try {
    const to = role(name) ?? (await live.call<Mailbox>("mailboxFor", { role: name }));
    await move(targets, { to, ...rest }, now);
  } catch (error) {
    now.over();
    wrong(`Not done: ${message(error)}`);
  }
}

export function archive(targets: Target[]): Promise<void> {
  return toRole(targets, "archive", { verb: "Archived" });
}

export function junk(targets: Target[]): Promise<void> {
  return toRole(targets, "junk", { verb: "Marked as junk:", add: [JUNK], remove: [NOT_JUNK] });
}

export async function notJunk(targets: Target[]): Promise<void> {
  const to = role("inbox");
  if (to) await move(targets, { to, verb: "Not junk:", add: [NOT_JUNK], remove: [JUNK] });
}

export async function trash(targets: Target[]): Promise<void> {
  const bin = role("trash");
  if (bin && targets.every(({ id }) => place(id).mailbox === bin.id)) await erase(targets);
  else await toRole(targets, "trash", { verb: "Moved to trash:" });
}

const LAST_CHANCE = 10_000;

/** For good, but not before it could be taken back. */
export async function erase(targets: Target[]): Promise<void> {
  const keys = new Set(targets.map(({ key }) => key));
  stepAside(keys);
  const isUndone = await new Promise<boolean>((resolve) => {
    done(`Deleted for good: ${what(targets)}`, () => resolve(true), LAST_CHANCE);
    window.setTimeout(() => resolve(false), LAST_CHANCE);
  });
  try {
    if (!isUndone) {
      for (const group of groups(targets)) {
        const result = await live.call<Moved>("erase", group);
        await live.reached(result.modseq);
      }
    }
  } catch (error) {
    wrong(`Not deleted: ${message(error)}`);
  }
  rows.show(keys);
  touch();
}

export async function flag(targets: Target[], add: string[], remove: string[], verb?: string): Promise<void> {
  if (!targets.length) return;
  const keys = targets.map(({ key }) => key);
  rows.change(keys, { add, remove });
  touch();
  const changed: Moved[] = [];
  const now = verb ? doing() : null;
  try {
    for (const group of groups(targets)) changed.push(await live.call<Moved>("flag", { ...group, add, remove }));
    if (now) done(`${verb} ${what(targets)}`, () => void unflag(changed, add, remove), undefined, now);
    await live.reached(Math.max(...changed.map(({ modseq }) => modseq)));
  } catch (error) {
    now?.over();
    wrong(`Not done: ${message(error)}`);
  }
  rows.unchange(keys);
  touch();
}

async function unflag(changed: Moved[], add: string[], remove: string[]): Promise<void> {
  try {
    for (const { mailbox, uids } of changed) {
      if (uids.length) await live.call("flag", { mailbox, uids, add: remove, remove: add });
    }
  } catch (error) {
    wrong(`Not undone: ${message(error)}`);
  }
}

export function toggleFlag(chosen: Row[]): Promise<void> {
  const all = chosen.every(({ flags }) => flags.includes(FLAGGED));
  return flag(asTargets(chosen), all ? [] : [FLAGGED], all ? [FLAGGED] : [], all ? "Unflagged" : "Flagged");
}

export function toggleRead(chosen: Row[]): Promise<void> {
  const unread = chosen.some((row) => row.unread > 0);
  return flag(asTargets(chosen), unread ? [SEEN] : [], unread ? [] : [SEEN], unread ? "Marked as read:" : "Marked as unread:");
}

export async function readAll(id: number): Promise<void> {
  const now = doing();
  try {
    const changed = await live.call<Moved>("readAll", { mailbox: id });
    done(`Marked as read: ${many(changed.uids.length, "message")}`, () => void unflag([changed], [SEEN], []), undefined, now);
  } catch (error) {
    now.over();
    wrong(`Not done: ${message(error)}`);
  }
}

/** The mailboxes that messages can be moved to. */
export function destinations(): Mailbox[] {
  return mailboxes.value.filter(({ id }) => id !== mailbox.value?.id);
}
