// The way to writing: what is needed for it is loaded when somebody first writes.

import { signal } from "@preact/signals";
import type { Person } from "../state/protocol";
import { wrong } from "../state/toasts";
import type { Letter } from "../state/letter";

/** The letters that are being written, up to three at once. */
export const letters = signal<Letter[]>([]);

export type Answer = "reply" | "all" | "forward" | "attach";

/** What is typed while the panel for writing comes: it belongs there, and is no command. */
let typed: string | null = null;

/** Take a key that was pressed; false when nobody waits for it. */
export function takeKey(event: KeyboardEvent): boolean {
  if (typed === null) return false;
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key.length === 1) typed += event.key;
  else if (event.key === "Backspace") typed = typed.slice(0, -1);
  else if (event.key === "Escape") typed = null;
  return true;
}

/** The field that has the focus now is asked for what was typed before. */
export function takeTyped(): string {
  const text = typed ?? "";
  typed = null;
  return text;
}

async function typingAhead(work: () => Promise<unknown>): Promise<void> {
  typed = "";
  const before = letters.value.length;
  try {
    await work();
  } finally {
    if (letters.value.length === before) typed = null; // none came
  }
}

function load(): Promise<typeof import("../state/letters") | null> {
  return import("../state/letters").catch(() => {
    wrong("The editor could not be loaded. Check your connection and try again.");
    return null;
  });
}

export async function compose(): Promise<void> {
  await typingAhead(async () => (await load())?.begin({}));
}

export function writeTo(to: Person[]): void {
  void load().then((writing) => writing?.begin({ to }));
}

export async function answer(id: string, how: Answer): Promise<void> {
  await typingAhead(async () => (await load())?.answer(id, how));
}

export async function editDraft(id: string): Promise<void> {
  await typingAhead(async () => (await load())?.edit(id));
}
