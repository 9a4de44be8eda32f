// A field for people: chips, completed from those that were written to before; what is pasted is taken apart.

import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Person } from "../state/protocol";
import { live } from "../state/store";
import { takeTyped } from "./composing";
import { called, isAddress, parsed, split, unique, written } from "../text/people";

interface Props {
  label: string;
  people: Signal<Person[]>;
  changed: () => void;
  autofocus?: boolean;
  unknown: ReadonlySet<string>;
}

export function Recipients({ label, people, changed, autofocus, unknown }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const offered = useSignal<Person[]>([]);
  const at = useSignal(0);
  const typed = useSignal("");
  const id = `people-${label}`;
  useLayoutEffect(() => {
    if (!autofocus) return;
    field.current?.focus();
    const text = takeTyped();
    if (text) void complete(text);
  }, []);

  function add(more: Person[]) {
    people.value = unique([...people.value, ...more.filter(([, address]) => address)]);
    typed.value = "";
    offered.value = [];
    changed();
  }

  async function complete(text: string) {
    typed.value = text;
    if (/[,;\n]/.test(text)) {
      add(split(text));
      return;
    }
    if (!text.trim()) {
      offered.value = [];
      return;
    }
    const found = await live.call<Person[]>("complete", { text }).catch(() => []);
    if (typed.value === text) {
      offered.value = found.filter((person) => !people.value.some((known) => known[1] === person[1]));
      at.value = 0;
    }
  }

  function take() {
    if (typed.value.trim()) add([parsed(typed.value)]);
  }

  function key(event: KeyboardEvent) {
    const count = offered.value.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
      event.preventDefault();
      at.value = (at.value + (event.key === "ArrowDown" ? 1 : -1) + count) % count;
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey) {
      const chosen = offered.value[at.value];
      if (typed.value.trim()) {
        event.preventDefault();
        if (chosen) add([chosen]);
        else take();
      } else if (event.key === "Enter") event.preventDefault();
    } else if (event.key === "Backspace" && !typed.value && people.value.length) {
      const last = people.value.at(-1);
      people.value = people.value.slice(0, -1);
      typed.value = last ? written(last) : "";
      changed();
    } else if (event.key === "Escape" && count) {
      event.stopPropagation();
      offered.value = [];
    }
  }

  return (
    <div class="recipients">
      <label for={id}>{label}</label>
      <div class="chips">
        {people.value.map((person) => {
          const isWrong = !isAddress(person[1]);
          const isNew = unknown.has(person[1].toLowerCase());
          return (
            <span class={`chip ${isWrong ? "wrong" : isNew ? "new" : ""}`} key={person[1]} title={isWrong ? "This is no address" : isNew ? `${written(person)}: you have not written to this address before` : written(person)}>
              <bdi>{called(person)}</bdi>
              <button
                type="button"
                aria-label={`Remove ${called(person)}`}
                onClick={() => {
                  people.value = people.value.filter((each) => each !== person);
                  changed();
                }}
              >
                ×
              </button>
            </span>
          );
        })}
        <input
          id={id}
          ref={field}
          value={typed.value}
          role="combobox"
          aria-expanded={offered.value.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={offered.value.length ? `${id}-${at.value}` : undefined}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => void complete(event.currentTarget.value)}
          onKeyDown={key}
          onBlur={take}
          onPaste={(event) => {
            const text = event.clipboardData?.getData("text/plain") ?? "";
            if (!/[,;\n]/.test(text)) return;
            event.preventDefault();
            add(split(text));
          }}
        />
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label="Suggestions" hidden={!offered.value.length}>
        {offered.value.map((person, number) => (
          <li
            key={person[1]}
            id={`${id}-${number}`}
            role="option"
            aria-selected={number === at.value}
            onMouseDown={(event) => {
              event.preventDefault();
              add([person]);
            }}
          >
            <bdi>{person[0] || person[1]}</bdi>
            {person[0] && <small>{person[1]}</small>}
          </li>
        ))}
      </ul>
    </div>
  );
}
