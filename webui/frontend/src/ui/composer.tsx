// The panel for writing, at the lower right: minimised, open or large. Loaded when it is first needed.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Letter } from "../state/letter";
import { close, discard, dismiss, send, signatureOf } from "../state/letters";
import type { Person } from "../state/protocol";
import { identities, live } from "../state/store";
import { size } from "../text/dates";
import { isAddress, written } from "../text/people";
import { speaksOfAttachment } from "../text/plain";
import { ask, menu } from "./asking";
import { takeTyped } from "./composing";
import { type Editor, type Tool, documentOf, edit, plain } from "./editor";
import { Icon, IconButton } from "./icons";
import { Recipients } from "./recipients";
import "../style/composer.css";

/** Types of pictures that every program for mail shows. */
const SHOWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const SAVED: Record<string, string> = { new: "", changed: "Not saved yet", saving: "Saving…", saved: "Saved", failed: "Not saved", conflict: "Changed elsewhere" };

async function check(letter: Letter): Promise<boolean> {
  if (letter.saving.value === "conflict") return false;
  const people = [...letter.to.value, ...letter.cc.value, ...letter.bcc.value];
  if (!people.length) {
    letter.problem.value = "Say whom it is for.";
    return false;
  }
  const bad = people.find(([, address]) => !isAddress(address));
  if (bad) {
    letter.problem.value = `“${bad[1] || bad[0]}” is no address.`;
    return false;
  }
  if (letter.isUploading) {
    letter.problem.value = "Attachments are still on their way.";
    return false;
  }
  if (!letter.files.value.some(({ cid }) => !cid) && speaksOfAttachment(letter.body().text)) {
    const answer = await ask({ title: "Send without an attachment?", text: "The text speaks of one, but nothing is attached.", yes: "Send anyway" });
    if (answer === null) return false;
  }
  if (!letter.subject.value.trim()) {
    const answer = await ask({ title: "Send without a subject?", yes: "Send anyway" });
    if (answer === null) return false;
  }
  return true;
}

async function trySend(letter: Letter, until = 0): Promise<void> {
  if (!letter.isSending.value && (await check(letter))) await send(letter, until);
}

async function later(letter: Letter): Promise<void> {
  const tomorrow = new Date();
  tomorrow.setDate(tomorrow.getDate() + 1);
  tomorrow.setHours(9, 0, 0, 0);
  const local = new Date(tomorrow.getTime() - tomorrow.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const answer = await ask({ title: "Send later", label: "Date and time (year-month-dayThour:minute)", value: local, yes: "Schedule" });
  if (!answer) return;
  const at = new Date(answer).getTime();
  if (!Number.isFinite(at) || at < Date.now()) letter.problem.value = "That is no time to come.";
  else await trySend(letter, at);
}

function Field({ letter }: { letter: Letter }) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const isRich = letter.rich.value;
  const area = useRef<HTMLTextAreaElement>(null);
  const tools = useSignal(0);

  useLayoutEffect(() => {
    const { start } = letter;
    const before = letter.body();
    const isFirst = !before.text && !before.html && !start.body;
    const doc = isFirst ? documentOf(start.body, start.quote, signatureOf(letter.sender.value[1])) : documentOf(before, undefined, "");
    if (isRich && box.current) {
      const made = edit(box.current, doc, () => letter.changed(), (cid) => letter.picture(cid));
      editor.current = made;
      letter.body = () => made.body();
      letter.insertPicture = (cid, alt) => made.picture(cid, alt);
      if (letter.to.value.length) {
        made.focus();
        const typed = takeTyped();
        if (typed) made.insert(typed);
      }
      tools.value++;
      return () => {
        const last = made.body();
        letter.body = () => last;
        letter.insertPicture = null;
        made.destroy();
        editor.current = null;
      };
    }
    const at = area.current;
    if (at) {
      at.value = plain(doc);
      letter.body = () => ({ text: at.value, html: "" });
      if (letter.to.value.length) {
        at.focus();
        at.value = takeTyped() + at.value;
        at.setSelectionRange(0, 0);
        at.scrollTop = 0;
      }
    }
    return () => {
      const text = at?.value ?? "";
      letter.body = () => ({ text, html: "" });
    };
  }, [isRich]);

  const run = (tool: Tool) => editor.current?.run(tool);
  async function link() {
    const href = await ask({ title: "Link", label: "Address", value: "https://", yes: "Link" });
    if (href && /^(?:https?:|mailto:)/i.test(href)) editor.current?.link(href);
  }
  return (
    <>
      {isRich ? <div class="editor" ref={box} /> : <textarea class="editor" ref={area} aria-label="Message" onInput={() => letter.changed()} />}
      {isRich && (
        <div class="format" role="toolbar" aria-label="Format">
          <IconButton icon="bold" label="Bold" keys="Ctrl+b" onClick={() => run("bold")} />
          <IconButton icon="italic" label="Italic" keys="Ctrl+i" onClick={() => run("italic")} />
          <IconButton icon="list" label="List" onClick={() => run("bullets")} />
          <IconButton icon="numbers" label="Numbered list" onClick={() => run("numbers")} />
          <IconButton icon="quote" label="Quotation" onClick={() => run("quote")} />
          <IconButton icon="link" label="Link" onClick={() => void link()} />
        </div>
      )}
    </>
  );
}

function Files({ letter }: { letter: Letter }) {
  const files = letter.files.value.filter(({ cid, problem }) => !cid || problem);
  if (!files.length) return null;
  return (
    <ul class="files" aria-label="Attachments">
      {files.map((file) => (
        <li key={file.key} class={file.problem ? "wrong" : ""}>
          <Icon name={file.type.startsWith("image/") ? "image" : "file"} />
          <span class="file-name">
            <bdi>{file.name}</bdi>
          </span>
          <small>{file.problem ?? (file.progress < 1 ? `${Math.round(file.progress * 100)} %` : size(file.size))}</small>
          {file.progress < 1 && !file.problem && <progress value={file.progress} aria-label={`Sending ${file.name}`} />}
          <button type="button" class="icon-button" aria-label={`Remove ${file.name}`} onClick={() => letter.detach(file.key)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Sender({ letter }: { letter: Letter }) {
  const all = identities.value;
  if (all.length < 2) return null;
  return (
    <div class="recipients">
      <label for={`from-${letter.id}`}>From</label>
      <select
        id={`from-${letter.id}`}
        value={letter.sender.value[1]}
        onChange={(event) => {
          const chosen = all.find(({ address }) => address === event.currentTarget.value);
          if (chosen) letter.sender.value = [chosen.name, chosen.address];
          letter.changed();
        }}
      >
        {all.map(({ name, address }) => (
          <option key={address} value={address}>
            {written([name, address])}
          </option>
        ))}
      </select>
    </div>
  );
}

/** What is known of the way to the recipients before anything is sent: no more than that. */
function Way({ people }: { people: Person[] }) {
  const known = useSignal<Record<string, string>>({});
  const asked = people.map(([, address]) => address).filter(isAddress).join();
  useEffect(() => {
    const addresses = asked.split(",").filter(Boolean);
    if (!addresses.length) return;
    live
      .call<Record<string, string>>("security", { addresses })
      .then((told) => (known.value = told))
      .catch(() => null);
  }, [asked]);
  if (!asked) return null;
  const away = [...new Set(asked.split(",").filter((each) => known.value[each] === "unknown").map((each) => each.slice(each.lastIndexOf("@") + 1)))];
  const isKnown = asked.split(",").every((each) => known.value[each]);
  if (!isKnown) return null;
  const text = away.length ? `Encryption to ${away.join(", ")} is decided when the message leaves` : "Stays on this server";
  return (
    <span class="way" role="img" aria-label={text} title={text}>
      <Icon name={away.length ? "help" : "shield"} />
    </span>
  );
}

export function Composer({ letter }: { letter: Letter }) {
  const root = useRef<HTMLElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const hasCopies = useSignal(letter.cc.value.length > 0 || letter.bcc.value.length > 0);
  const unknown = useSignal<ReadonlySet<string>>(new Set());
  const isOver = useSignal(false);
  const isSmall = letter.place.value === "small";
  const changed = () => letter.changed();
  const people: Person[] = [...letter.to.value, ...letter.cc.value, ...letter.bcc.value];
  const asked = people.map(([, address]) => address.toLowerCase()).join();

  useEffect(() => {
    const addresses = asked.split(",").filter(isAddress);
    if (!addresses.length) return;
    live
      .call<string[]>("known", { addresses })
      .then((known) => (unknown.value = new Set(addresses.filter((each) => !known.includes(each)))))
      .catch(() => null);
  }, [asked]);

  /** Pictures that come to the text are shown in it; everything else is attached. */
  function take(files: FileList, target: EventTarget | null) {
    const isText = target instanceof Element && target.closest(".written") !== null;
    const pictures = [...files].filter(({ type }) => isText && SHOWN.has(type));
    letter.attach([...files].filter((file) => !pictures.includes(file)));
    for (const file of pictures) letter.show(file);
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      // What stands in a field for people is taken first.
      (document.activeElement as HTMLElement | null)?.blur();
      void trySend(letter);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      void close(letter);
    } else if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void letter.save();
    } else event.stopPropagation();
  }

  return (
    <section
      ref={root}
      class={`composer ${letter.place.value} ${isOver.value ? "over" : ""}`}
      role="dialog"
      aria-label={`Writing: ${letter.title.value}`}
      onKeyDown={key}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes("Files")) {
          event.preventDefault();
          isOver.value = true;
        }
      }}
      onDragLeave={() => (isOver.value = false)}
      onDrop={(event) => {
        isOver.value = false;
        if (!event.dataTransfer?.files.length) return;
        event.preventDefault();
        take(event.dataTransfer.files, event.target);
      }}
      onPasteCapture={(event) => {
        // What an office program copies is a picture of its text too: the text is meant.
        if (!event.clipboardData?.files.length || event.clipboardData.types.includes("text/html")) return;
        event.preventDefault();
        event.stopPropagation();
        take(event.clipboardData.files, event.target);
      }}
    >
      <div class="head">
        <button type="button" class="title" onClick={() => (letter.place.value = isSmall ? "open" : "small")}>
          <bdi>{letter.title.value}</bdi>
        </button>
        <span class={`saving ${letter.saving.value}`} role="status">
          {SAVED[letter.saving.value]}
        </span>
        <IconButton icon="minus" label={isSmall ? "Open" : "Minimise"} onClick={() => (letter.place.value = isSmall ? "open" : "small")} />
        <IconButton icon="expand" label={letter.place.value === "large" ? "Smaller" : "Larger"} onClick={() => (letter.place.value = letter.place.value === "large" ? "open" : "large")} />
        <IconButton icon="close" label="Close and keep the draft" keys="Escape" onClick={() => void close(letter)} />
      </div>
      <div class="inside" hidden={isSmall}>
        <Sender letter={letter} />
        <div class="first-line">
          <Recipients label="To" people={letter.to} changed={changed} autofocus={!letter.to.value.length} unknown={unknown.value} />
          {!hasCopies.value && (
            <button type="button" class="quiet-button" onClick={() => (hasCopies.value = true)}>
              Cc Bcc
            </button>
          )}
        </div>
        {hasCopies.value && (
          <>
            <Recipients label="Cc" people={letter.cc} changed={changed} unknown={unknown.value} />
            <Recipients label="Bcc" people={letter.bcc} changed={changed} unknown={unknown.value} />
          </>
        )}
        <div class="recipients">
          <label for={`subject-${letter.id}`}>Subject</label>
          <input
            id={`subject-${letter.id}`}
            value={letter.subject.value}
            onInput={(event) => {
              letter.subject.value = event.currentTarget.value;
              changed();
            }}
            autocomplete="off"
          />
        </div>
        <Field letter={letter} />
        <Files letter={letter} />
        {letter.saving.value === "conflict" ? (
          <p class="problem" role="alert">
            This draft was changed or sent in another window.{" "}
            <button
              type="button"
              onClick={() => {
                letter.draft = null;
                letter.messageId = "";
                letter.saving.value = "changed";
                void letter.save();
              }}
            >
              Keep mine as a new draft
            </button>{" "}
            <button type="button" onClick={() => dismiss(letter)}>
              Close mine
            </button>
          </p>
        ) : (
          letter.problem.value && (
            <p class="problem" role="alert">
              {letter.problem.value}
            </p>
          )
        )}
        <footer>
          <button type="button" class="primary" disabled={letter.isSending.value} title="Send (Ctrl+Enter)" aria-keyshortcuts="Control+Enter" onClick={() => void trySend(letter)}>
            {letter.isSending.value ? "Sending…" : "Send"}
          </button>
          <IconButton icon="clock" label="Send later" onClick={() => void later(letter)} />
          <IconButton icon="clip" label="Attach files" onClick={() => chooser.current?.click()} />
          <input
            ref={chooser}
            type="file"
            multiple
            hidden
            aria-hidden="true"
            onChange={(event) => {
              letter.attach(event.currentTarget.files ?? []);
              event.currentTarget.value = "";
            }}
          />
          <span class="space" />
          <Way people={people} />
          <IconButton
            icon="more"
            label="More"
            onClick={(event) =>
              menu(event.currentTarget as Element, [
                { label: letter.rich.value ? "Plain text only" : "Formatted text", icon: "drafts", run: () => (letter.rich.value = !letter.rich.value) },
                { label: "Save now", icon: "check", keys: "Ctrl+s", run: () => void letter.save() },
              ])
            }
          />
          <IconButton icon="trash" label="Discard this draft" onClick={() => void discard(letter)} />
        </footer>
      </div>
    </section>
  );
}

