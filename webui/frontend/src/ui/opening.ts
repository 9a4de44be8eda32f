// Moving through the list: the cursor, what is selected, what is open.

import { type Row, DRAFT } from "../state/protocol";
import { cursor, mailbox, opened, rows, selected, touch } from "../state/store";
import { editDraft } from "./composing";
import { reveal } from "./list";

let anchor: string | null = null;

export function openRow(row: Row): void {
  const key = rows.key(row);
  cursor.value = key;
  if (row.flags.includes(DRAFT) && mailbox.value?.role === "drafts") {
    void editDraft(row.id);
    return;
  }
  opened.value = { key, id: row.id, thread: row.thread, alone: !rows.threads };
}

/** Go so many rows further; when something is open, that follows. */
export function step(by: number, extend = false): void {
  const at = cursor.value === null ? -1 : rows.indexOf(cursor.value);
  const index = Math.max(0, Math.min(rows.length - 1, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by));
  const row = rows.at(index);
  if (!row) return;
  const key = rows.key(row);
  if (extend) {
    const next = new Set(selected.value);
    if (cursor.value !== null) next.add(cursor.value);
    next.add(key);
    selected.value = next;
  }
  cursor.value = key;
  reveal(key);
  if (opened.value && !(row.flags.includes(DRAFT) && mailbox.value?.role === "drafts")) openRow(row);
  focusCursor();
}

export function focusCursor(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".row.here .open")?.focus({ preventScroll: true }));
}

export function toggle(key: string): void {
  const next = new Set(selected.value);
  if (!next.delete(key)) next.add(key);
  selected.value = next;
  anchor = key;
}

/** Select from the last selected row to this one. */
export function extendTo(key: string): void {
  const from = rows.indexOf(anchor ?? cursor.value ?? key);
  const to = rows.indexOf(key);
  if (from < 0 || to < 0) return;
  const next = new Set(selected.value);
  for (let index = Math.min(from, to); index <= Math.max(from, to); index++) {
    const row = rows.at(index);
    if (row) next.add(rows.key(row));
  }
  selected.value = next;
}

export function selectAll(): void {
  const next = new Set<string>();
  for (const row of rows.known()) next.add(rows.key(row));
  selected.value = selected.value.size >= next.size ? new Set() : next;
  touch();
}

export function leave(): void {
  if (selected.value.size) selected.value = new Set();
  else if (opened.value) opened.value = null;
  focusCursor();
}
