// Dialogs, menus and pickers: one at a time, focus stays inside and goes back where it was. They have the focus before the next
// key is pressed (layout effects), so that who types fast loses nothing.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface MenuItem {
  label: string;
  icon?: IconName;
  keys?: string;
  danger?: boolean;
  disabled?: boolean;
  run: () => void;
}

interface Question {
  title: string;
  text?: string;
  /** Asks for a text; its first value. */
  value?: string;
  label?: string;
  /** The text must be this. */
  repeat?: string;
  yes: string;
  danger?: boolean;
}

export interface Choice {
  id: string;
  label: string;
  note?: string;
}

type Shown =
  | { kind: "menu"; anchor: DOMRect; items: MenuItem[] }
  | { kind: "ask"; question: Question; answer: (value: string | null) => void }
  | { kind: "pick"; title: string; choices: Choice[]; create?: string; answer: (id: string | null) => void }
  | { kind: "page"; title: string; content: () => ComponentChildren; wide: boolean };

export const shown = signal<Shown | null>(null);
let before: HTMLElement | null = null;

function show(next: Shown): void {
  if (!shown.value) before = document.activeElement as HTMLElement | null;
  shown.value = next;
}

export function close(): void {
  const was = shown.value;
  shown.value = null;
  if (was?.kind === "ask" || was?.kind === "pick") was.answer(null);
  before?.focus();
}

export function menu(anchor: Element | null, items: MenuItem[]): void {
  if (anchor) show({ kind: "menu", anchor: anchor.getBoundingClientRect(), items });
}

/** Ask for a text, or for a yes (""); null is no. */
export function ask(question: Question): Promise<string | null> {
  return new Promise((resolve) => show({ kind: "ask", question, answer: resolve }));
}

/** Choose by typing; with `create`, what is typed may be new: its id then begins with "+". */
export function pick(title: string, choices: Choice[], create?: string): Promise<string | null> {
  return new Promise((resolve) => show({ kind: "pick", title, choices, ...(create ? { create } : {}), answer: resolve }));
}

export function page(title: string, content: () => ComponentChildren, wide = false): void {
  show({ kind: "page", title, content, wide });
}

function finish(run: () => void): void {
  const was = shown.value;
  shown.value = null;
  before?.focus();
  if (was) run();
}

function trap(event: KeyboardEvent, root: HTMLElement | null): void {
  if (event.key === "Escape") {
    event.stopPropagation();
    close();
  }
  if (event.key !== "Tab" || !root) return;
  const stops = [...root.querySelectorAll<HTMLElement>("button:not(:disabled), input, select, textarea, a[href], [tabindex='0']")];
  const [head, last] = [stops[0], stops.at(-1)];
  if (event.shiftKey && document.activeElement === head) {
    event.preventDefault();
    last?.focus();
  } else if (!event.shiftKey && document.activeElement === last) {
    event.preventDefault();
    head?.focus();
  }
}

function Menu({ anchor, items }: { anchor: DOMRect; items: MenuItem[] }) {
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const box = root.current;
    if (!box) return;
    const { width, height } = box.getBoundingClientRect();
    const left = Math.max(8, Math.min(anchor.left, window.innerWidth - width - 8));
    const below = anchor.bottom + 4;
    const top = below + height > window.innerHeight - 8 ? Math.max(8, anchor.top - height - 4) : below;
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
    box.querySelector("button")?.focus();
  }, [anchor]);
  function step(event: KeyboardEvent) {
    const all = [...(root.current?.querySelectorAll<HTMLButtonElement>("button:not(:disabled)") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const by = event.key === "ArrowDown" || event.key === "j" ? 1 : event.key === "ArrowUp" || event.key === "k" ? -1 : 0;
    if (by) {
      event.preventDefault();
      all[(at + by + all.length) % all.length]?.focus();
    }
    event.stopPropagation();
    trap(event, root.current);
  }
  return (
    <div class="menu" role="menu" ref={root} onKeyDown={step}>
      {items.map((item) => (
        <button
          type="button"
          role="menuitem"
          key={item.label}
          class={item.danger ? "danger" : ""}
          disabled={item.disabled}
          onClick={() => finish(() => item.run())}
        >
          {item.icon ? <Icon name={item.icon} /> : <span class="icon" />}
          <span>{item.label}</span>
          {item.keys && <kbd>{item.keys}</kbd>}
        </button>
      ))}
    </div>
  );
}

function Asked({ question, answer }: { question: Question; answer: (value: string | null) => void }) {
  const root = useRef<HTMLFormElement>(null);
  const asksText = question.value !== undefined || question.repeat !== undefined;
  const [value, setValue] = useState(question.value ?? "");
  const isFine = question.repeat === undefined ? !asksText || value.trim() !== "" : value === question.repeat;
  useLayoutEffect(() => {
    const field = root.current?.querySelector<HTMLElement>("input, button.primary, button.danger");
    field?.focus();
    if (field instanceof HTMLInputElement) field.select();
  }, []);
  return (
    <div
      role="dialog"
      aria-modal="true"
      aria-label={question.title}
      class="asked"
      onKeyDown={(event) => {
        event.stopPropagation();
        trap(event, root.current);
      }}
    >
    <form
      class="dialog small"
      ref={root}
      onSubmit={(event) => {
        event.preventDefault();
        if (isFine) finish(() => answer(value.trim()));
      }}
    >
      <h2>{question.title}</h2>
      {question.text && <p>{question.text}</p>}
      {asksText && (
        <label>
          {question.label ?? (question.repeat ? `Type “${question.repeat}” to go on` : "Name")}
          <input value={value} onInput={(event) => setValue(event.currentTarget.value)} autocomplete="off" />
        </label>
      )}
      <div class="buttons">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" class={question.danger ? "primary danger" : "primary"} disabled={!isFine}>
          {question.yes}
        </button>
      </div>
    </form>
    </div>
  );
}

/** Choices that hold what was typed, those that begin with it first. */
export function matching(choices: Choice[], typed: string): Choice[] {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return choices;
  const holds = choices.filter(({ label }) => label.toLowerCase().includes(wanted));
  const begins = (choice: Choice) => choice.label.toLowerCase().split(/[\s/]/).some((word) => word.startsWith(wanted));
  return [...holds.filter(begins), ...holds.filter((choice) => !begins(choice))];
}

interface PickProps {
  title: string;
  choices: Choice[];
  create?: string | undefined;
  answer: (id: string | null) => void;
}

function Picked({ title, choices, create, answer }: PickProps) {
  const root = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const offered = useMemo(() => {
    const found = matching(choices, typed);
    const isNew = create && typed.trim() && !choices.some(({ label }) => label.toLowerCase() === typed.trim().toLowerCase());
    return isNew ? [...found, { id: `+${typed.trim()}`, label: `${create} “${typed.trim()}”` }] : found;
  }, [choices, typed, create]);
  useLayoutEffect(() => root.current?.querySelector("input")?.focus(), []);
  useLayoutEffect(() => root.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at]);
  function key(event: KeyboardEvent) {
    event.stopPropagation();
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by) {
      event.preventDefault();
      setAt((at + by + offered.length) % Math.max(offered.length, 1));
    }
    const chosen = offered[at];
    if (event.key === "Enter" && chosen) {
      event.preventDefault();
      finish(() => answer(chosen.id));
    }
    trap(event, root.current);
  }
  return (
    <div class="dialog picker" role="dialog" aria-modal="true" aria-label={title} ref={root} onKeyDown={key}>
      <label>
        <span class="unseen">{title}</span>
        <input
          placeholder={title}
          value={typed}
          role="combobox"
          aria-expanded="true"
          aria-controls="choices"
          aria-activedescendant={offered[at] ? `choice-${at}` : undefined}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setAt(0);
          }}
          autocomplete="off"
        />
      </label>
      <ul role="listbox" id="choices" aria-label={title}>
        {offered.map((choice, number) => (
          <li
            role="option"
            id={`choice-${number}`}
            key={choice.id}
            aria-selected={number === at}
            onClick={() => finish(() => answer(choice.id))}
            onMouseMove={() => setAt(number)}
          >
            <span>{choice.label}</span>
            {choice.note && <small>{choice.note}</small>}
          </li>
        ))}
        {!offered.length && <li class="none">Nothing matches</li>}
      </ul>
    </div>
  );
}

function Page({ title, content, wide }: { title: string; content: () => ComponentChildren; wide: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => root.current?.focus(), []);
  return (
    <div
      class={`dialog page ${wide ? "wide" : ""}`}
      role="dialog"
      aria-modal="true"
      aria-label={title}
      tabIndex={-1}
      ref={root}
      onKeyDown={(event) => {
        event.stopPropagation();
        trap(event, root.current);
      }}
    >
      <div class="head">
        <h2>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" title="Close (Esc)" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <div class="content" tabIndex={0}>
        {content()}
      </div>
    </div>
  );
}

export function Asking() {
  const at = shown.value;
  if (!at) return null;
  return (
    <div
      class={`cover ${at.kind}`}
      onMouseDown={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      {at.kind === "menu" && <Menu anchor={at.anchor} items={at.items} />}
      {at.kind === "ask" && <Asked question={at.question} answer={at.answer} />}
      {at.kind === "pick" && <Picked title={at.title} choices={at.choices} create={at.create} answer={at.answer} />}
      {at.kind === "page" && <Page title={at.title} content={at.content} wide={at.wide} />}
    </div>
  );
}
