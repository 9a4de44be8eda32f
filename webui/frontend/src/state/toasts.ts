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
let undoing: { toast: number; run: () => void } | null = null;

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
  if (undoing?.toast === id) undoing = null;
}

function show(toast: Omit<Toast, "id">, ms: number): number {
  const id = ++number;
  toasts.value = [...toasts.value.slice(-2), { ...toast, id }];
  said.value = toast.text;
  window.setTimeout(() => dismiss(id), ms);
  return id;
}

/** Something was done that can be taken back. */
export function done(text: string, undo?: () => void, ms = SHOWN): number {
  if (!undo) return show({ text, kind: "done" }, 4000);
  const run = () => {
    dismiss(id);
    undo();
  };
  const id = show({ text, kind: "done", action: { label: "Undo", run } }, ms);
  undoing = { toast: id, run };
  return id;
}

export function wrong(text: string, retry?: () => void): void {
  show({ text, kind: "wrong", ...(retry ? { action: { label: "Retry", run: retry } } : {}) }, 12_000);
}

/** Take back what was done last, if that is still possible. */
export function undo(): void {
  if (undoing) undoing.run();
  else said.value = "Nothing to undo";
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
