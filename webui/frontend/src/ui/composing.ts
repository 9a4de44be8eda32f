// The way to writing: what is needed for it is loaded when somebody first writes.

import { signal } from "@preact/signals";
import type { Person } from "../state/protocol";
import { wrong } from "../state/toasts";
import type { Letter } from "../state/letter";

/** The letters that are being written, up to three at once. */
export const letters = signal<Letter[]>([]);

export type Answer = "reply" | "all" | "forward" | "attach";

function load(): Promise<typeof import("../state/letters") | null> {
  return import("../state/letters").catch(() => {
    wrong("The editor could not be loaded. Check your connection and try again.");
    return null;
  });
}

export async function compose(): Promise<void> {
  (await load())?.begin({});
}

export function writeTo(to: Person[]): void {
  void load().then((writing) => writing?.begin({ to }));
}

export async function answer(id: string, how: Answer): Promise<void> {
  await (await load())?.answer(id, how);
}

export async function editDraft(id: string): Promise<void> {
  await (await load())?.edit(id);
}
