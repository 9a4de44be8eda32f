// Short messages at the lower edge: what was done and how to take it back, and what went wrong.

import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "wrong";
  action?: { label: string; run: () => void };
  /** Shown with the seconds that are left. */
  until?: number;
}

export const toasts = signal<Toast[]>([]);
/** For screen readers. */
export const said = signal("");

const SHOWN = 10_000;
let number = 0;

/** What is being done, or was done last, and how it is taken back. Who presses the key before the server has answered takes back this,
 * as soon as it is done, and not what was done before. */
export class Doing {
  toast = 0;
  run: (() => void) | null = null;
  isUnwanted = false;

  /** It failed, or cannot be taken back. */
  over(): void {
    if (undoing === this) undoing = null;
  }
}

let undoing: Doing | null = null;

export function doing(): Doing {
  undoing = new Doing();
  return undoing;
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
  if (undoing?.run && undoing.toast === id) undoing = null;
}

function show(toast: Omit<Toast, "id">, ms: number): number {
  const id = ++number;
  toasts.value = [...toasts.value.slice(-2), { ...toast, id }];
  said.value = toast.text;
  window.setTimeout(() => dismiss(id), ms);
  return id;
}

/** Something was done that can be taken back. */
export function done(text: string, undo?: () => void, ms = SHOWN, begun?: Doing): number {
  if (!undo) {
    begun?.over();
    return show({ text, kind: "done" }, 4000);
  }
  const now = begun ?? doing();
  if (now.isUnwanted) {
    now.over();
    undo();
    return 0;
  }
  const run = () => {
    dismiss(id);
    undo();
  };
  const id = show({ text, kind: "done", action: { label: "Undo", run } }, ms);
  now.toast = id;
  now.run = run;
  return id;
}

export function wrong(text: string, retry?: () => void): void {
  show({ text, kind: "wrong", ...(retry ? { action: { label: "Retry", run: retry } } : {}) }, 12_000);
}

/** Take back what was done last, if that is still possible. */
export function undo(): void {
  if (undoing?.run) undoing.run();
  else if (undoing) {
    undoing.isUnwanted = true;
    said.value = "Taking it back";
  } else said.value = "Nothing to undo";
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
