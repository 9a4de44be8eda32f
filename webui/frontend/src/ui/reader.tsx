// What is read: a conversation, its messages one below the other, those that were read folded to a line.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { archive, asTargets, junk, notJunk, toggleFlag, toggleRead, trash } from "../state/actions";
import { FLAGGED, JUNK, type Row, SEEN, place } from "../state/protocol";
import { cursor, live, mailbox, opened, rows, useSubscribed } from "../state/store";
import { message as text } from "../state/toasts";
import { long } from "../text/dates";
import { called } from "../text/people";
import { menu } from "./asking";
import { chooseKeyword, chooseMailbox } from "./choosing";
import { exportMenu } from "./exporting";
import { Icon, IconButton } from "./icons";
import { MessageView } from "./message";
import { step } from "./opening";
import { Marked } from "./row";

/** The messages of the conversation that is open, the oldest first. */
export const conversation = signal<Row[]>([]);
const unfolded = signal<ReadonlySet<string>>(new Set());
/** The message that keys are about. */
export const current = signal<string | null>(null);

export function focusMessage(by: number): void {
  const ids = conversation.value.map(({ id }) => id);
  const at = ids.indexOf(current.value ?? "");
  const next = ids[Math.max(0, Math.min(ids.length - 1, at + by))];
  if (next) {
    current.value = next;
    unfold(next);
    document.getElementById(`message-${next}`)?.scrollIntoView({ block: "nearest" });
  }
}

function unfold(id: string): void {
  unfolded.value = new Set([...unfolded.value, id]);
}

function toggle(id: string): void {
  const next = new Set(unfolded.value);
  if (!next.delete(id)) next.add(id);
  unfolded.value = next;
  current.value = id;
}

async function load(id: string, thread: string, isAlone: boolean): Promise<Row[]> {
  const { mailbox: box } = place(id);
  if (!isAlone && thread) return live.call<Row[]>("thread", { id: thread, mailbox: box });
  const known = [...rows.known()].find((row) => row.id === id);
  return [known ?? (await live.call<Row>("message", place(id)))];
}

function Folded({ row }: { row: Row }) {
  return (
    <button type="button" class="folded" aria-expanded="false" onClick={() => toggle(row.id)}>
      <span class="who">
        <bdi>{called(row.people[0] ?? ["", ""])}</bdi>
      </span>
      <span class="preview">
        <bdi>{row.preview}</bdi>
      </span>
      {row.flags.includes(FLAGGED) && <Icon name="star" filled />}
      {row.files > 0 && <Icon name="clip" />}
      <time>{long(row.date)}</time>
    </button>
  );
}

function Bar({ chosen }: { chosen: Row | undefined }) {
  const some = chosen ? [chosen] : [];
  const all = chosen ? asTargets(some) : [];
  const isJunk = mailbox.value?.role === "junk" || (chosen?.flags.includes(JUNK) ?? false);
  return (
    <div class="bar" role="toolbar" aria-label="Actions for this conversation">
      <IconButton icon="back" label="Back to the list" keys="u" class="back" onClick={() => (opened.value = null)} />
      <IconButton icon="archive" label="Archive" keys="e" disabled={!chosen} onClick={() => void archive(all)} />
      {isJunk ? (
        <IconButton icon="inbox" label="Not junk" keys="!" disabled={!chosen} onClick={() => void notJunk(all)} />
      ) : (
        <IconButton icon="junk" label="Junk" keys="!" disabled={!chosen} onClick={() => void junk(all)} />
      )}
      <IconButton icon="trash" label="Delete" keys="#" disabled={!chosen} onClick={() => void trash(all)} />
      <IconButton icon="move" label="Move to" keys="m" disabled={!chosen} onClick={() => void chooseMailbox(some)} />
      <IconButton icon="label" label="Label" keys="l" disabled={!chosen} onClick={() => void chooseKeyword(some)} />
      <IconButton icon="star" label="Flag" keys="s" pressed={chosen?.flags.includes(FLAGGED) ?? false} disabled={!chosen} onClick={() => void toggleFlag(some)} />
      <span class="space" />
      <IconButton icon="up" label="Previous" keys="k" onClick={() => step(-1)} />
      <IconButton icon="down" label="Next" keys="j" onClick={() => step(1)} />
      <IconButton
        icon="more"
        label="More"
        disabled={!chosen}
        onClick={(event) =>
          menu(event.currentTarget as Element, [
            { label: "Mark as unread", icon: "unread", keys: "Shift+u", run: () => void unread(some) },
            { label: "Print", icon: "print", run: () => window.print() },
            ...exportMenu(some),
          ])
        }
      />
    </div>
  );
}

async function unread(chosen: Row[]): Promise<void> {
  opened.value = null;
  await toggleRead(chosen.map((row) => ({ ...row, unread: 0 })));
}

export function Reader() {
  const at = opened.value;
  const [problem, setProblem] = useState("");
  const [isLoading, setLoading] = useState(false);
  useSubscribed();

  useEffect(() => {
    conversation.value = [];
    unfolded.value = new Set();
    setProblem("");
  }, [at?.key]);

  const chosen = at ? rows.get(at.key) : undefined;
  // What joins the thread, or is changed in it, is loaded again.
  const state = chosen ? `${chosen.count} ${chosen.date} ${chosen.flags.join()}` : "";
  const isOnline = live.state.value === "online";
  useEffect(() => {
    if (!at || !isOnline) return undefined;
    let isGone = false;
    setLoading(true);
    load(at.id, at.thread, at.alone)
      .then((found) => {
        if (isGone) return;
        const isFirst = !conversation.value.length;
        const known = new Set(conversation.value.map(({ id }) => id));
        conversation.value = found;
        const fresh = found.filter((row) => !row.flags.includes(SEEN) && (isFirst || !known.has(row.id)));
        const last = found.at(-1);
        if (isFirst && last) {
          unfolded.value = new Set([...fresh.map(({ id }) => id), last.id]);
          current.value = fresh[0]?.id ?? last.id;
        } else if (fresh.length) unfolded.value = new Set([...unfolded.value, ...fresh.map(({ id }) => id)]);
        setProblem(found.length ? "" : "This conversation is not here any more.");
      })
      .catch((error: unknown) => {
        if (!isGone) setProblem(text(error));
      })
      .finally(() => !isGone && setLoading(false));
    return () => {
      isGone = true;
    };
  }, [at?.key, at?.id, state, isOnline]);

  if (!at) {
    return (
      <section class="reader nothing" aria-label="Message">
        <p>{cursor.value === null ? "Nothing selected" : "Press Enter to read"}</p>
        <small>
          <kbd>j</kbd> <kbd>k</kbd> move · <kbd>?</kbd> all keys
        </small>
      </section>
    );
  }
  const all = conversation.value;
  const subject = all.at(-1)?.subject ?? chosen?.subject ?? "";
  return (
    <section class="reader" aria-label="Message">
      <Bar chosen={chosen ?? (all[0] ? { ...all[0] } : undefined)} />
      <div class="scroll" tabIndex={-1}>
        <h2 class="subject">
          <bdi>{subject ? <Marked text={subject} /> : <i>No subject</i>}</bdi>
          {all.length > 1 && <span class="quiet"> {all.length} messages</span>}
        </h2>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {!all.length && isLoading && <div class="skeleton-message" aria-busy="true" aria-label="Loading" />}
        {all.map((row) => (
          <article
            key={row.id}
            id={`message-${row.id}`}
            class={`${current.value === row.id && all.length > 1 ? "current" : ""} ${unfolded.value.has(row.id) ? "unfolded" : ""}`}
            aria-label={`From ${called(row.people[0] ?? ["", ""])}, ${long(row.date)}`}
          >
            {unfolded.value.has(row.id) ? <MessageView row={row} onFold={all.length > 1 ? () => toggle(row.id) : undefined} /> : <Folded row={row} />}
          </article>
        ))}
      </div>
    </section>
  );
}

