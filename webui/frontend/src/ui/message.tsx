// One message: who, to whom, when; what is known of its way here; its text or its HTML in a frame without scripts; what is attached.

import { useEffect, useRef, useState } from "preact/hooks";
import { flag } from "../state/actions";
import { DRAFT, type Message, type Person, type Row, SEEN, place } from "../state/protocol";
import { settings } from "../state/settings";
import { live, pictures, words } from "../state/store";
import { message as text, wrong } from "../state/toasts";
import { full, long } from "../text/dates";
import { called, hue, initials, written } from "../text/people";
import { menu, page } from "./asking";
import { Attachments } from "./attachments";
import { makeRule } from "./choosing";
import { answer, editDraft, writeTo } from "./composing";
import { download } from "./exporting";
import { Frame } from "./frame";
import { Icon, IconButton } from "./icons";
import { Plain } from "./plain";
import { SecurityLine, openTrace } from "./security";
import { Source } from "./source";

const kept = new Map<string, Message>();
const MOST_KEPT = 60;

/** A message, from memory if it was read before: what it says never changes. */
export async function fetchMessage(id: string): Promise<Message> {
  const known = kept.get(id);
  if (known) return known;
  const message = await live.call<Message>("message", place(id));
  kept.set(id, message);
  if (kept.size > MOST_KEPT) kept.delete([...kept.keys()][0] ?? "");
  return message;
}

function Chip({ person }: { person: Person }) {
  return (
    <button type="button" class="chip" title={written(person)} onClick={() => writeTo([person])}>
      <bdi>{called(person)}</bdi>
    </button>
  );
}

function Chips({ label, people }: { label: string; people: Person[] }) {
  const [isAll, setAll] = useState(false);
  if (!people.length) return null;
  const shown = isAll ? people : people.slice(0, 5);
  return (
    <span class="chips">
      <span class="quiet">{label}</span>
      {shown.map((person, number) => (
        <Chip person={person} key={number} />
      ))}
      {people.length > shown.length && (
        <button type="button" class="chip" onClick={() => setAll(true)}>
          {people.length - shown.length} more
        </button>
      )}
    </span>
  );
}

function Details({ message }: { message: Message }) {
  const lines: [string, string][] = [
    ["From", message.from.map(written).join(", ")],
    ["Reply to", message.replyTo.map(written).join(", ")],
    ["To", message.recipients.map(written).join(", ")],
    ["Cc", message.cc.map(written).join(", ")],
    ["Bcc", message.bcc.map(written).join(", ")],
    ["Received", full(message.date)],
    ["Written", message.dateWritten === null ? "" : full(message.dateWritten)],
    ["List", message.list.id],
    ["Message-ID", message.messageId],
  ];
  return (
    <dl class="details">
      {lines
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
    </dl>
  );
}

function Body({ message }: { message: Message }) {
  const hasText = message.texts.some((each) => each.trim());
  const [asHtml, setHtml] = useState(message.html && (settings.value.html || !hasText));
  const sender = message.from[0]?.[1].toLowerCase() ?? "";
  const isKnown = pictures.value.has(sender);
  const [withPictures, setPictures] = useState(isKnown);
  const [missing, setMissing] = useState(0);
  async function always() {
    setPictures(true);
    try {
      await live.call("picturesOf", { address: sender, shown: true });
    } catch (error) {
      wrong(text(error));
    }
  }
  return (
    <div class="body">
      {asHtml && missing > 0 && !withPictures && (
        <p class="consent" role="note">
          <Icon name="image" />
          <span>Pictures from elsewhere are not loaded: they tell the sender that you read this.</span>
          <button type="button" onClick={() => setPictures(true)}>
            Load them
          </button>
          {sender && (
            <button type="button" onClick={() => void always()}>
              Always for {sender}
            </button>
          )}
        </p>
      )}
      {asHtml ? (
        <Frame id={message.id} withPictures={withPictures} onPictures={setMissing} title={`Message from ${called(message.from[0] ?? ["", ""])}`} />
      ) : (
        message.texts.map((each, number) => <Plain text={each} words={words.value} key={number} />)
      )}
      {!asHtml && !hasText && !message.html && !message.attachments.length && <p class="quiet">This message has no text.</p>}
      {message.cut && <p class="quiet">The text is longer than what is shown here; save the message to read all of it.</p>}
      {message.html && hasText && (
        <button type="button" class="quiet-button" onClick={() => setHtml(!asHtml)}>
          {asHtml ? "Show as plain text" : "Show as HTML"}
        </button>
      )}
    </div>
  );
}

function useRead(row: Row): void {
  const isUnread = !row.flags.includes(SEEN);
  useEffect(() => {
    if (!isUnread) return undefined;
    const timer = window.setTimeout(() => {
      if (document.visibilityState === "visible") void flag([{ key: row.id, id: row.id, threads: false }], [SEEN], []);
    }, settings.value.readAfter * 1000);
    return () => clearTimeout(timer);
  }, [row.id, isUnread]);
}

export function MessageView({ row, onFold }: { row: Row; onFold: (() => void) | undefined }) {
  const [message, setMessage] = useState<Message | null>(null);
  const [problem, setProblem] = useState("");
  const [hasDetails, setDetails] = useState(false);
  const more = useRef<HTMLSpanElement>(null);
  useRead(row);
  useEffect(() => {
    let isGone = false;
    fetchMessage(row.id)
      .then((found) => !isGone && setMessage(found))
      .catch((error: unknown) => !isGone && setProblem(text(error)));
    return () => {
      isGone = true;
    };
  }, [row.id]);

  const from: Person = message?.from[0] ?? [row.people[0]?.[0] ?? "", row.people[0]?.[1] ?? ""];
  const { mailbox, uid } = place(row.id);
  const base = `msg/${mailbox}/${uid}`;
  return (
    <div class="message">
      <header>
        <span class={`avatar hue-${hue(from[1])}`} aria-hidden="true">
          {initials(from)}
        </span>
        <div class="people">
          <div class="first">
            <button type="button" class="sender" title={written(from)} onClick={() => setDetails(!hasDetails)} aria-expanded={hasDetails}>
              <bdi>{called(from)}</bdi>
            </button>
            <span class="address">
              <bdi>{from[0] ? from[1] : ""}</bdi>
            </span>
            <time title={full(row.date)} dateTime={new Date(row.date).toISOString()}>
              {long(row.date)}
            </time>
          </div>
          {message && (
            <div class="second">
              <Chips label="to" people={message.recipients} />
              <Chips label="cc" people={message.cc} />
              <Chips label="bcc" people={message.bcc} />
            </div>
          )}
        </div>
        <span class="tools" ref={more}>
          {row.flags.includes(DRAFT) ? (
            <IconButton icon="compose" label="Edit" onClick={() => void editDraft(row.id)} />
          ) : (
            <IconButton icon="reply" label="Reply" keys="r" onClick={() => void answer(row.id, "reply")} />
          )}
          <IconButton
            icon="more"
            label="More for this message"
            onClick={() =>
              menu(more.current, [
                { label: "Reply to all", icon: "replyAll", keys: "a", run: () => void answer(row.id, "all") },
                { label: "Forward", icon: "forward", keys: "f", run: () => void answer(row.id, "forward") },
                { label: "Forward as attachment", icon: "clip", run: () => void answer(row.id, "attach") },
                ...(message?.list.post ? [{ label: "Reply to the list", icon: "replyAll" as const, run: () => writeTo([["", message.list.post.replace(/^mailto:|\?.*/gi, "")]]) }] : []),
                { label: "Always put mail like this…", icon: "rule", run: () => void makeRule({ from: from[1], listId: message?.list.id ?? "" }) },
                { label: "The way of this message", icon: "shield", run: () => openTrace(row.id) },
                { label: "Headers and source", icon: "file", run: () => page("Source", () => <Source base={base} />, true) },
                { label: "Save as .eml", icon: "download", run: () => download(`${base}/raw?save=1`) },
                ...(onFold ? [{ label: "Fold", icon: "up" as const, run: onFold }] : []),
              ])
            }
          />
        </span>
      </header>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {!message && !problem && <div class="skeleton-message" aria-busy="true" aria-label="Loading" />}
      {message && (
        <>
          <SecurityLine message={message} />
          {hasDetails && <Details message={message} />}
          <Body message={message} />
          <Attachments message={message} base={base} />
          <footer class="answers">
            <button type="button" onClick={() => void answer(row.id, "reply")}>
              <Icon name="reply" /> Reply
            </button>
            {message.recipients.length + message.cc.length > 1 && (
              <button type="button" onClick={() => void answer(row.id, "all")}>
                <Icon name="replyAll" /> Reply to all
              </button>
            )}
            <button type="button" onClick={() => void answer(row.id, "forward")}>
              <Icon name="forward" /> Forward
            </button>
          </footer>
        </>
      )}
    </div>
  );
}
