// A form for people who do not type tokens. It writes the same text that the field above it holds.

import { useEffect, useRef, useState } from "preact/hooks";
import { mailboxes } from "../state/store";

interface Props {
  text: string;
  onSearch: (text: string) => void;
  onClose: () => void;
}

interface Fields {
  words: string;
  from: string;
  to: string;
  subject: string;
  mailbox: string;
  start: string;
  end: string;
  attachments: string;
  is: string;
}

const NONE: Fields = { words: "", from: "", to: "", subject: "", mailbox: "", start: "", end: "", attachments: "", is: "" };
const PART = /(-?)(?:([A-Za-z]+):)?(?:"([^"]*)"|(\S+))/g;

/** The fields that a text fills; what has no field stays among the words. */
export function fromText(text: string): Fields {
  const found = { ...NONE };
  const words: string[] = [];
  for (const [whole, minus = "", name = "", quoted, plain = ""] of text.matchAll(PART)) {
    const field = name.toLowerCase() as keyof Fields;
    if (!minus && field in found && field !== "words" && !found[field]) found[field] = quoted ?? plain;
    else words.push(whole);
  }
  return { ...found, words: words.join(" ") };
}

export function toText(fields: Fields): string {
  const { words, ...tokens } = fields;
  const parts = Object.entries(tokens)
    .filter(([, value]) => value.trim())
    .map(([name, value]) => `${name}:${/[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value}`);
  return [words.trim(), ...parts].filter(Boolean).join(" ");
}

export function SearchForm({ text, onSearch, onClose }: Props) {
  const [fields, setFields] = useState(() => fromText(text));
  const set = (name: keyof Fields) => (event: { currentTarget: HTMLInputElement }) => setFields({ ...fields, [name]: event.currentTarget.value });
  const field = (name: keyof Fields, label: string) => (
    <label>
      {label}
      <input value={fields[name]} onInput={set(name)} autocomplete="off" />
    </label>
  );
  const day = (name: keyof Fields, label: string) => (
    <label>
      {label}
      <input type="date" value={fields[name]} onInput={set(name)} />
    </label>
  );
  const choice = (name: keyof Fields, label: string, options: [string, string][]) => (
    <label>
      {label}
      <select value={fields[name]} onChange={(event) => setFields({ ...fields, [name]: event.currentTarget.value })}>
        {options.map(([value, shown]) => (
          <option value={value} key={value}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);
  return (
    <div
      ref={box}
      class="search-form"
      role="group"
      aria-label="Search by fields"
      onKeyDown={(event) => {
        if (event.key === "Escape") return; // the field above closes the form
        event.stopPropagation();
        if (event.key === "Enter") {
          event.preventDefault();
          onSearch(toText(fields));
        }
      }}
    >
      {field("words", "Words")}
      {field("from", "From")}
      {field("to", "To")}
      {field("subject", "Subject")}
      {choice("mailbox", "Mailbox", [["", "All but trash and junk"], ...mailboxes.value.map(({ name }): [string, string] => [name, name])])}
      {choice("attachments", "Attachments", [["", "With or without"], ["any", "Any"], ["none", "None"], ["image", "Picture"], ["pdf", "PDF"], ["document", "Document"], ["spreadsheet", "Spreadsheet"], ["archive", "Archive"]])}
      {day("start", "From day")}
      {day("end", "To day")}
      {choice("is", "Which are", [["", "Anything"], ["unread", "Unread"], ["read", "Read"], ["flagged", "Flagged"], ["answered", "Answered"]])}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" onClick={() => onSearch(toText(fields))}>
          Search
        </button>
      </div>
    </div>
  );
}
