// The line at the top: search, a new message, the connection when it is not fine, the account.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { leave } from "../state/entrance";
import { drawer, live, login, lookAt, opened, query, role, source } from "../state/store";
import { initials, hue } from "../text/people";
import { menu, page } from "./asking";
import { compose } from "./composing";
import { Help } from "./help";
import { Icon, IconButton } from "./icons";
import { SearchForm } from "./search-form";
import { openSettings } from "./settings-way";

export const searchField = signal<HTMLInputElement | null>(null);

export function search(text: string): void {
  const wanted = text.trim();
  opened.value = null;
  if (wanted) lookAt({ kind: "search", query: wanted });
  else {
    const inbox = role("inbox");
    if (source.value?.kind === "search" && inbox) lookAt({ kind: "mailbox", id: inbox.id });
  }
}

const PAUSE = 350;

function Search() {
  const [text, setText] = useState(query.value);
  const [hasForm, setForm] = useState(false);
  const timer = useRef(0);
  const field = useRef<HTMLInputElement>(null);
  const whole = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (!hasForm) return undefined;
    const elsewhere = (event: Event) => {
      if (!whole.current?.contains(event.target as Node)) setForm(false);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [hasForm]);
  useEffect(() => setText(query.value), [query.value]);
  useEffect(() => {
    searchField.value = field.current;
  }, []);
  return (
    <form
      class="search"
      role="search"
      ref={whole}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !hasForm) return;
        event.stopPropagation();
        setForm(false);
        field.current?.focus();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        clearTimeout(timer.current);
        setForm(false);
        search(text);
        field.current?.blur();
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        value={text}
        placeholder="Search mail"
        aria-label="Search mail"
        aria-keyshortcuts="/"
        enterkeyhint="search"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          const { value } = event.currentTarget;
          setText(value);
          clearTimeout(timer.current);
          // A token that is being typed is no question yet.
          if (value.trim().length > 1 && !/:\s*$/.test(value)) timer.current = window.setTimeout(() => search(value), PAUSE);
          else if (!value) timer.current = window.setTimeout(() => search(""), PAUSE);
        }}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Escape") {
            if (text) {
              setText("");
              search("");
            }
            field.current?.blur();
          }
          if (event.key === "ArrowDown") document.querySelector<HTMLElement>(".row .open")?.focus();
        }}
      />
      <button type="button" class="icon-button" aria-label="Search by fields" title="Search by fields" aria-expanded={hasForm} onClick={() => setForm(!hasForm)}>
        <Icon name="settings" />
      </button>
      {hasForm && (
        <SearchForm
          text={text}
          onSearch={(value) => {
            setForm(false);
            search(value);
          }}
          onClose={() => setForm(false)}
        />
      )}
    </form>
  );
}

function Connection() {
  const state = live.state.value;
  if (state === "online" || state === "out") return null;
  return (
    <button type="button" class="connection" onClick={() => live.now()} title="Try again now">
      <span class="pulse" aria-hidden="true" />
      {state === "connecting" ? "Connecting…" : "Offline · retry"}
    </button>
  );
}

export function Top() {
  const me: [string, string] = ["", login.value];
  return (
    <header class="top">
      <IconButton icon="menu" label="Mailboxes" class="tree-button" onClick={() => (drawer.value = !drawer.value)} />
      <Search />
      <Connection />
      <button type="button" class="primary new" title="New message (c)" aria-keyshortcuts="c" onClick={() => void compose()}>
        <Icon name="compose" />
        <span>New message</span>
      </button>
      <button
        type="button"
        class={`avatar account hue-${hue(login.value)}`}
        aria-label={`${initials(me)}: account ${login.value}`}
        title={login.value}
        onClick={(event) =>
          menu(event.currentTarget, [
            { label: login.value, icon: "user", disabled: true, run: () => undefined },
            { label: "Settings", icon: "settings", keys: ",", run: () => void openSettings() },
            { label: "All keys", icon: "help", keys: "?", run: () => page("Keys", () => <Help />) },
            {
              label: "Log out",
              icon: "back",
              run: () => {
                live.leave();
                void leave();
              },
            },
          ])
        }
      >
        {initials(me)}
      </button>
    </header>
  );
}
