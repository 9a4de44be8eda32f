// What the pages of the account are made of: lists from the server, forms that say what went wrong, secrets that are shown once.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { live } from "../state/store";
import { message, wrong } from "../state/toasts";

export interface Listed<T> {
  value: T | null;
  again: () => Promise<void>;
}

/** What a call tells, and how to ask again. */
export function useCall<T>(ask: () => Promise<T>): Listed<T> {
  const value = useSignal<T | null>(null);
  const again = async () => {
    try {
      value.value = await ask();
    } catch (error) {
      wrong(message(error));
    }
  };
  useEffect(() => void again(), []);
  return { value: value.value, again };
}

/** A method of the HTTP API, with the names that its documentation has. */
export function api<T>(method: string, request: object = {}, password?: string): Promise<T> {
  return live.call<T>("api", { method, request, ...(password === undefined ? {} : { password }) });
}

/** What a form holds. */
export class Fields {
  private readonly data: FormData;

  constructor(form: HTMLFormElement) {
    this.data = new FormData(form);
  }

  text(name: string): string {
    const given = this.data.get(name);
    return typeof given === "string" ? given : "";
  }

  all(name: string): string[] {
    return this.data.getAll(name).filter((each) => typeof each === "string");
  }

  has(name: string): boolean {
    return this.data.has(name);
  }
}

interface FormProps {
  label: string;
  button: string;
  submit: (fields: Fields) => Promise<void>;
  /** What was typed stays when it is done. */
  keeps?: boolean;
  cancel?: () => void;
  children: ComponentChildren;
}

export function Form({ label, button, submit, keeps = false, cancel, children }: FormProps) {
  const problem = useSignal("");
  const isBusy = useSignal(false);
  async function send(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    isBusy.value = true;
    try {
      await submit(new Fields(form));
      problem.value = "";
      if (!keeps) form.reset();
    } catch (error) {
      problem.value = message(error);
    }
    isBusy.value = false;
  }
  return (
    <form class="plain-form" aria-label={label} onSubmit={(event) => void send(event)}>
      {children}
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <div class="buttons left">
        <button type="submit" class="primary" disabled={isBusy.value}>
          {button}
        </button>
        {cancel && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

export function PasswordField({ label = "Your password" }: { label?: string }) {
  return (
    <label>
      {label}
      <input type="password" name="password" autocomplete="current-password" required />
    </label>
  );
}

export function CodeField({ label = "Code" }: { label?: string }) {
  return (
    <label>
      {label}
      <input name="code" class="code" autocomplete="one-time-code" maxLength={40} required spellcheck={false} autocapitalize="none" />
    </label>
  );
}

/** Milliseconds after which something ends. */
export const ENDS: [label: string, days: number][] = [
  ["Never", 0],
  ["In 30 days", 30],
  ["In 90 days", 90],
  ["In a year", 365],
];

export function EndsField() {
  return (
    <label>
      Ends
      <select name="days">
        {ENDS.map(([label, days]) => (
          <option key={days} value={days}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** When it ends, in milliseconds since 1970; 0 for never. */
export function ends(fields: Fields): number {
  const days = Number(fields.text("days"));
  return days ? Date.now() + days * 86_400_000 : 0;
}

interface SecretProps {
  title: string;
  text: string;
  seen: () => void;
}

/** A secret that is shown this once. */
export function Secret({ title, text, seen }: SecretProps) {
  const isCopied = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      isCopied.value = true;
    } catch {
      wrong("The browser does not let it be copied; mark it and copy it by hand.");
    }
  }
  return (
    <div class="once" role="group" aria-label={title} tabIndex={-1} ref={box}>
      <p>
        <b>{title}</b> It is shown this once.
      </p>
      <p class="secret">{text}</p>
      <div class="buttons left">
        <button type="button" class="primary" onClick={() => void copy()}>
          {isCopied.value ? "Copied" : "Copy"}
        </button>
        <button type="button" onClick={seen}>
          I have it
        </button>
      </div>
    </div>
  );
}

interface SureProps {
  label: string;
  /** What the second button says. */
  sure: string;
  /** For screen readers: what it is about. */
  about: string;
  run: () => Promise<void>;
}

/** Something that cannot be taken back: the button asks once more in its place. */
export function Sure({ label, sure, about, run }: SureProps) {
  const isAsked = useSignal(false);
  const second = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isAsked.value) second.current?.focus();
  }, [isAsked.value]);
  async function go() {
    isAsked.value = false;
    try {
      await run();
    } catch (error) {
      wrong(message(error));
    }
  }
  if (!isAsked.value) {
    return (
      <button type="button" aria-label={`${label} ${about}`} onClick={() => (isAsked.value = true)}>
        {label}
      </button>
    );
  }
  return (
    <span class="sure">
      <button type="button" class="primary danger" ref={second} aria-label={`${sure} ${about}`} onClick={() => void go()}>
        {sure}
      </button>
      <button type="button" onClick={() => (isAsked.value = false)}>
        Keep
      </button>
    </span>
  );
}

/** What a list says before it is there, and when it is empty. */
export function Nothing({ of, text }: { of: unknown[] | null | undefined; text: string }) {
  if (!of) return <p class="quiet">Loading…</p>;
  return of.length ? null : <p class="quiet">{text}</p>;
}
