// The mailboxes: special ones first, then a tree of the others, with what is not read. Messages can be dropped on them.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { asTargets, move } from "../state/actions";
import { type Mailbox, place } from "../state/protocol";
import { rememberSet, rememberedSet } from "../state/settings";
import { load, scheduled } from "../state/scheduled";
import { drawer, live, lookAt, mailboxes, opened, rows, source } from "../state/store";
import { count } from "../text/dates";
import { menu, page } from "./asking";
import { Icon, type IconName } from "./icons";
import { createMailbox, mailboxMenu } from "./mailbox-actions";
import { ScheduledPage } from "./scheduled";

export const dragged = signal<string[]>([]);
const closed = signal(rememberedSet("closed"));
const ORDER: Mailbox["role"][] = ["inbox", "drafts", "sent", "archive", "junk", "trash"];
const ICONS: Record<Mailbox["role"], IconName> = {
  "": "folder", inbox: "inbox", archive: "archive", drafts: "drafts", junk: "junk", sent: "sent", trash: "trash",
};

interface Node {
  mailbox: Mailbox;
  label: string;
  depth: number;
  hasChildren: boolean;
}

/** The mailboxes as lines, special ones first, children below their parents. */
export function lines(all: Mailbox[], shut: ReadonlySet<string>): Node[] {
  const rank = (box: Mailbox) => {
    const index = ORDER.indexOf(box.role);
    return index < 0 ? ORDER.length : index;
  };
  const byName = new Map(all.map((box) => [box.name, box]));
  const top = (name: string) => byName.get(name.split("/")[0] ?? "");
  const sorted = [...all].sort((one, other) => {
    const [a, b] = [top(one.name) ?? one, top(other.name) ?? other];
    return rank(a) - rank(b) || a.name.localeCompare(b.name) || one.name.localeCompare(other.name);
  });
  const found: Node[] = [];
  for (const mailbox of sorted) {
    const levels = mailbox.name.split("/");
    const above = levels.slice(1).map((_, index) => levels.slice(0, index + 1).join("/"));
    if (above.some((name) => shut.has(name) && byName.has(name))) continue;
    const depth = above.filter((name) => byName.has(name)).length;
    const label = depth ? (levels.at(-1) ?? "") : mailbox.name;
    found.push({ mailbox, label, depth, hasChildren: all.some(({ name }) => name.startsWith(`${mailbox.name}/`)) });
  }
  return found;
}

function toggle(name: string): void {
  const next = new Set(closed.value);
  if (!next.delete(name)) next.add(name);
  closed.value = next;
  rememberSet("closed", next);
}

function show(mailbox: Mailbox): void {
  lookAt({ kind: "mailbox", id: mailbox.id });
  opened.value = null;
  drawer.value = false;
}

function drop(event: DragEvent, mailbox: Mailbox): void {
  event.preventDefault();
  (event.currentTarget as HTMLElement).classList.remove("over");
  const chosen = dragged.value.map((key) => rows.get(key)).filter((row) => row !== undefined);
  dragged.value = [];
  void move(asTargets(chosen), { to: mailbox, verb: `Moved to ${mailbox.name}:` });
}

function Line({ node }: { node: Node }) {
  const { mailbox, label, depth, hasChildren } = node;
  const at = source.value;
  const isHere = at?.kind === "mailbox" && at.id === mailbox.id;
  const isShut = closed.value.has(mailbox.name);
  const shown = mailbox.role === "drafts" ? mailbox.total : mailbox.unread;
  const button = useRef<HTMLButtonElement>(null);
  return (
    <li
      class={`mailbox depth-${Math.min(depth, 6)} ${isHere ? "here" : ""}`}
      onDragOver={(event) => {
        if (!dragged.value.length || dragged.value.some((key) => place(rows.get(key)?.id ?? "0.0").mailbox === mailbox.id)) return;
        event.preventDefault();
        event.currentTarget.classList.add("over");
      }}
      onDragLeave={(event) => event.currentTarget.classList.remove("over")}
      onDrop={(event) => drop(event, mailbox)}
      onContextMenu={(event) => {
        event.preventDefault();
        menu(button.current, mailboxMenu(mailbox));
      }}
    >
      {hasChildren && (
        <button
          type="button"
          class="twist"
          aria-label={`${isShut ? "Show" : "Hide"} what is in ${mailbox.name}`}
          aria-expanded={!isShut}
          onClick={() => toggle(mailbox.name)}
        >
          <Icon name={isShut ? "right" : "down"} />
        </button>
      )}
      <button
        type="button"
        class="name"
        aria-current={isHere ? "page" : undefined}
        title={`${mailbox.name}: ${count(mailbox.total)} messages, ${count(mailbox.unread)} unread`}
        onClick={() => show(mailbox)}
      >
        <Icon name={ICONS[mailbox.role]} />
        <span class="label">{label}</span>
        {shown > 0 && (
          <span class={mailbox.role === "drafts" || mailbox.role === "junk" ? "count quiet" : "count"}>
            {count(shown)}
            <span class="unseen"> {mailbox.role === "drafts" ? "drafts" : "unread"}</span>
          </span>
        )}
      </button>
      <button
        type="button"
        ref={button}
        class="more"
        aria-label={`Actions for ${mailbox.name}`}
        onClick={() => menu(button.current, mailboxMenu(mailbox))}
      >
        <Icon name="more" />
      </button>
    </li>
  );
}

export function Tree() {
  const isOnline = live.state.value === "online";
  useEffect(() => {
    if (isOnline) void load();
    const timer = window.setInterval(() => scheduled.value.length && void load(), 60_000);
    return () => clearInterval(timer);
  }, [isOnline]);
  return (
    <nav class="tree" aria-label="Mailboxes">
      <ul>
        {lines(mailboxes.value, closed.value).map((node) => (
          <Line key={node.mailbox.id} node={node} />
        ))}
        {scheduled.value.length > 0 && (
          <li class="mailbox depth-0">
            <button type="button" class="name waits" onClick={() => page("Scheduled", () => <ScheduledPage />)}>
              <Icon name="clock" />
              <span class="label">Scheduled</span>
              <span class="count quiet">{count(scheduled.value.length)}</span>
            </button>
          </li>
        )}
      </ul>
      <button type="button" class="quiet-button" onClick={() => void createMailbox()}>
        New mailbox
      </button>
    </nav>
  );
}

