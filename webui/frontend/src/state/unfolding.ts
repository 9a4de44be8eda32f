// Threads whose messages are shown as rows of their own below that of the thread.

import { signal } from "@preact/signals";
import type { Row } from "./protocol";
import { place } from "./protocol";
import { live, rows } from "./store";

/** By the keys of their rows: the messages, the newest first. */
export const unfolded = signal<ReadonlyMap<string, Row[]>>(new Map());
/** What a thread looked like when its messages were asked for. */
const seen = new Map<string, string>();

function look(row: Row): string {
  return `${row.id} ${row.count} ${row.unread} ${row.flags.join(" ")}`;
}

function keep(key: string, messages: Row[] | null): void {
  const next = new Map(unfolded.value);
  if (messages) next.set(key, messages);
  else next.delete(key);
  unfolded.value = next;
}

async function ask(key: string, row: Row): Promise<void> {
  seen.set(key, look(row));
  const found = await live.call<Row[]>("thread", { id: row.thread, mailbox: place(row.id).mailbox }).catch(() => null);
  if (!found) seen.delete(key);
  else if (seen.has(key)) keep(key, found.reverse());
}

export function fold(key: string): void {
  seen.delete(key);
  keep(key, null);
}

export function foldAll(): void {
  seen.clear();
  unfolded.value = new Map();
}

export function unfold(key: string): void {
  const row = rows.get(key);
  if (row && row.count > 1 && rows.threads) void ask(key, row);
}

export function toggle(key: string): void {
  if (seen.has(key)) fold(key);
  else unfold(key);
}

/** The rows changed: what is unfolded follows. */
export function follow(): void {
  for (const key of seen.keys()) {
    const row = rows.get(key);
    if (!row || row.count < 2) fold(key);
    else if (seen.get(key) !== look(row)) void ask(key, row);
  }
}

/** Places of rows and what stands below them, the first first. */
export function below(): { index: number; messages: Row[] }[] {
  const found = [...unfolded.value].map(([key, messages]) => ({ index: rows.indexOf(key), messages }));
  return found.filter(({ index }) => index >= 0).sort((one, other) => one.index - other.index);
}
