// One row: who, when, subject and the first words, small signs in fixed columns.

import { memo } from "./memo";
import { ANSWERED, DRAFT, FLAGGED, FORWARDED, type Row } from "../state/protocol";
import { settings } from "../state/settings";
import { cursor, keywords, mailbox, opened, rows, selected, words } from "../state/store";
import { toggle as unfold } from "../state/unfolding";
import { full, short } from "../text/dates";
import { called, first } from "../text/people";
import { marked } from "../text/plain";
import { Icon } from "./icons";
import { extendTo, toggle } from "./opening";
import { dragged } from "./tree";

interface Props {
  row: Row;
  rowKey: string;
  style: { transform: string; height: string };
  place: number;
  length: number;
  isHere: boolean;
  isOpen: boolean;
  isSelected: boolean;
  isUnfolded: boolean;
  onOpen: () => void;
}

/** Who a row is from, or to in mailboxes of what was sent. */
export function people(row: Row, isOutgoing: boolean): string {
  if (isOutgoing) return row.to[1] ? `To ${called(row.to)}` : "No recipient";
  if (row.people.length === 1 && row.people[0]) return called(row.people[0]) || "Unknown sender";
  return row.people.map(first).join(", ");
}

export function Marked({ text }: { text: string }) {
  return (
    <>
      {marked(text, words.value).map((piece, number) => (piece.mark ? <mark key={number}>{piece.text}</mark> : piece.text))}
    </>
  );
}

function Signs({ row }: { row: Row }) {
  return (
    <span class="signs">
      {row.flags.includes(ANSWERED) && (
        <span title="Answered" class="sign">
          <Icon name="reply" />
          <span class="unseen">Answered</span>
        </span>
      )}
      {row.flags.includes(FORWARDED) && (
        <span title="Forwarded" class="sign">
          <Icon name="forward" />
          <span class="unseen">Forwarded</span>
        </span>
      )}
      {row.files > 0 && (
        <span title="Has attachments" class="sign">
          <Icon name="clip" />
          <span class="unseen">Has attachments</span>
        </span>
      )}
      {row.flags.includes(FLAGGED) && (
        <span title="Flagged" class="sign flagged">
          <Icon name="star" filled />
          <span class="unseen">Flagged</span>
        </span>
      )}
    </span>
  );
}

export const ListRow = memo(function ListRow({ row, rowKey, style, place, length, isHere, isOpen, isSelected, isUnfolded, onOpen }: Props) {
  const isOutgoing = mailbox.value?.role === "sent" || mailbox.value?.role === "drafts";
  const who = people(row, isOutgoing);
  const labels = row.flags.filter((flag) => keywords.value.includes(flag));
  const kind = `row ${row.unread ? "unread" : ""} ${isHere ? "here" : ""} ${isOpen ? "opened" : ""} ${isSelected ? "selected" : ""}`;
  function click(event: MouseEvent) {
    if (event.shiftKey) extendTo(rowKey);
    else if (event.ctrlKey || event.metaKey) toggle(rowKey);
    else onOpen();
  }
  return (
    <li
      class={settings.value.density === "one" ? `${kind} one` : kind}
      style={style}
      aria-setsize={length}
      aria-posinset={place + 1}
      draggable
      onDragStart={(event) => {
        dragged.value = selected.value.has(rowKey) ? [...selected.value] : [rowKey];
        event.dataTransfer?.setData("application/x-mox-rows", dragged.value.join(" "));
        if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
      }}
      onDragEnd={() => {
        dragged.value = [];
      }}
    >
      <label class="select">
        <input
          type="checkbox"
          checked={isSelected}
          aria-label={`Select ${row.subject || "message"}`}
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation();
            if (event.shiftKey) extendTo(rowKey);
            else toggle(rowKey);
          }}
        />
        <span class="dot" aria-hidden="true" />
      </label>
      <button type="button" class="open" tabIndex={isHere ? 0 : -1} aria-current={isOpen ? "true" : undefined} onClick={click}>
        <span class="who">
          {row.unread > 0 && <span class="unseen">Unread, </span>}
          <bdi>{who}</bdi>
          {row.count > 1 && (
            <span class="thread-count" aria-hidden="true">
              {row.count}
            </span>
          )}
          {row.count > 1 && <span class="unseen">{row.count} messages</span>}
        </span>
        <Signs row={row} />
        <time dateTime={new Date(row.date).toISOString()} title={full(row.date)}>
          {short(row.date)}
        </time>
        <span class="what">
          {row.flags.includes(DRAFT) && <span class="tag draft">Draft</span>}
          {labels.slice(0, 3).map((label) => (
            <span class="tag" key={label}>
              {label}
            </span>
          ))}
          <bdi class="subject">{row.subject ? <Marked text={row.subject} /> : <i>No subject</i>}</bdi>
          <span class="preview">
            <bdi>
              <Marked text={row.preview} />
            </bdi>
          </span>
        </span>
      </button>
      {row.count > 1 && rows.threads && (
        <button
          type="button"
          class="twist"
          tabIndex={-1}
          title={isUnfolded ? "Hide the messages (←)" : "Show the messages (→)"}
          aria-label={`${isUnfolded ? "Hide" : "Show"} the ${row.count} messages of ${row.subject || "this conversation"}`}
          aria-expanded={isUnfolded}
          onClick={() => unfold(rowKey)}
        >
          <Icon name={isUnfolded ? "down" : "right"} />
        </button>
      )}
    </li>
  );
});

/** The messages of a thread, below its row. */
export function Inside({ messages, thread, style }: { messages: Row[]; thread: Row; style: Props["style"] }) {
  const key = rows.key(thread);
  return (
    <li class="inside" style={style}>
      <ul aria-label={`Messages of ${thread.subject || "this conversation"}`}>
        {messages.map((each) => (
          <li key={each.id} class={`${each.unread ? "unread" : ""} ${opened.value?.id === each.id && opened.value.alone ? "opened" : ""}`}>
            <button
              type="button"
              onClick={() => {
                cursor.value = key;
                opened.value = { key, id: each.id, thread: each.thread, alone: true };
              }}
            >
              <span class="who">
                {each.unread > 0 && <span class="unseen">Unread, </span>}
                <bdi>{called(each.people[0] ?? ["", ""])}</bdi>
              </span>
              <span class="preview">
                <bdi>{each.preview}</bdi>
              </span>
              <Signs row={each} />
              <time dateTime={new Date(each.date).toISOString()} title={full(each.date)}>
                {short(each.date)}
              </time>
            </button>
          </li>
        ))}
      </ul>
    </li>
  );
}

