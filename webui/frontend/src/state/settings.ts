// What a user sets; kept by the server, and in the browser for the first moment of the next visit.

import { signal } from "@preact/signals";

export interface Settings {
  theme: "auto" | "light" | "dark";
  layout: "beside" | "above";
  density: "two" | "one";
  threads: boolean;
  undoSeconds: number;
  readAfter: number;
  rich: boolean;
  html: boolean;
  after: "next" | "list";
}

export const DEFAULTS: Settings = {
  theme: "auto",
  layout: "beside",
  density: "two",
  threads: true,
  undoSeconds: 10,
  readAfter: 0.5,
  rich: true,
  html: true,
  after: "next",
};

const KEY = "mox-settings";

/** What was stored, with defaults for what was not; what makes no sense is left out. */
export function understood(value: unknown): Settings {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const known = Object.entries(DEFAULTS).map(([name, usual]): [string, unknown] => [name, typeof given[name] === typeof usual ? given[name] : usual]);
  return Object.fromEntries(known) as unknown as Settings;
}

function remembered(): unknown {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

export const settings = signal<Settings>(understood(remembered()));

/** Take settings over from the server, or from a form. */
export function take(value: unknown): void {
  settings.value = understood(value);
  localStorage.setItem(KEY, JSON.stringify(settings.value));
  applyTheme();
}

export function applyTheme(): void {
  const { theme } = settings.value;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** A number that this browser remembers, such as the width of a region. */
export function rememberedNumber(name: string, usual: number): number {
  const value = Number(localStorage.getItem(`mox-${name}`));
  return Number.isFinite(value) && value > 0 ? value : usual;
}

export function rememberNumber(name: string, value: number): void {
  localStorage.setItem(`mox-${name}`, String(Math.round(value)));
}

export function rememberedSet(name: string): Set<string> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`mox-${name}`) ?? "[]");
    const texts: unknown[] = Array.isArray(value) ? value : [];
    return new Set(texts.filter((each) => typeof each === "string"));
  } catch {
    return new Set();
  }
}

export function rememberSet(name: string, value: Set<string>): void {
  localStorage.setItem(`mox-${name}`, JSON.stringify([...value]));
}
