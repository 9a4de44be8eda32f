// The list of messages: only the rows that are seen are there, however many there are. Rows that come above what is looked at move the
// scroll, not the eye.

import { useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { settings } from "../state/settings";
import { cursor, found, live, lost, mailbox, opened, query, rows, see, selected, shift, source, useSubscribed, version } from "../state/store";
import type { Row } from "../state/protocol";
import { below, follow, foldAll, unfolded } from "../state/unfolding";
import { count, many } from "../text/dates";
import { Actions } from "./bulk";
import { Icon } from "./icons";
import { Inside, ListRow } from "./row";
import { openRow } from "./opening";

const OVER = 8;

export function height(): number {
  return settings.value.density === "one" ? 34 : 58;
}

/** Of a message below the row of its thread. */
export const SMALL = 30;

/** Where the row at a place begins: what is unfolded above it pushes it down. */
function topOf(place: number, under = below()): number {
  let top = place * height();
  for (const { index, messages } of under) if (index < place) top += messages.length * SMALL;
  return top;
}

/** The place of the row that is at a height. */
function placeAt(y: number): number {
  let rest = y;
  let place = 0;
  for (const { index, messages } of below()) {
    const until = (index + 1 - place) * height();
    if (rest < until) break;
    rest -= until;
    place = index + 1;
    const inside = messages.length * SMALL;
    if (rest < inside) return index;
    rest -= inside;
  }
  return place + Math.floor(rest / height());
}

/** Bring a row into view. */
let scroller: HTMLElement | null = null;

export function reveal(key: string): void {
  const index = rows.indexOf(key);
  if (!scroller || index < 0) return;
  const top = topOf(index);
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height() > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + height() - scroller.clientHeight;
}

function Empty() {
  useSubscribed();
  const at = source.value;
  if (lost.value) {
    return (
      <div class="empty" role="alert">
        <Icon name="warn" />
        <p>{lost.value}</p>
      </div>
    );
  }
  if (!rows.loaded) {
    if (live.state.value === "offline") return <div class="empty">You are offline. Your mail shows when the connection is back.</div>;
    return (
      <ul class="skeletons" aria-label="Loading" aria-busy="true">
        {Array.from({ length: 10 }, (_, number) => (
          <li key={number} class={settings.value.density === "one" ? "one" : ""} />
        ))}
      </ul>
    );
  }
  if (at?.kind === "search") {
    if (!found.value?.complete) return <div class="empty">Searching…</div>;
    return (
      <div class="empty">
        <Icon name="search" />
        <p>Nothing found for “{query.value.trim()}”.</p>
        <small>Trash and junk are left out; add mailbox:Trash to look there.</small>
      </div>
    );
  }
  const role = mailbox.value?.role;
  const text = { inbox: "Your inbox is empty.", drafts: "No drafts.", sent: "Nothing sent yet.", archive: "Nothing archived yet.", junk: "No junk. Good.", trash: "The trash is empty.", "": "No messages here." };
  return (
    <div class="empty">
      <Icon name={role === "inbox" ? "check" : role || "folder"} />
      <p>{text[role ?? ""]}</p>
    </div>
  );
}

function Status() {
  useSubscribed();
  const at = found.value;
  if (source.value?.kind !== "search" || !at) return null;
  const problems = at.problems.length ? ` ${at.problems.join(". ")}.` : "";
  const text = at.complete
    ? `${many(rows.length, "message")} found.`
    : `${many(rows.length, "message")} found so far, ${count(at.scanned)} of ${count(at.of)} looked at…`;
  return (
    <p class="status" role="status">
      {text}
      {problems}
    </p>
  );
}

export function List() {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const rowHeight = height();
  const moved = useRef(0);

  function measure() {
    const at = box.current;
    if (!at) return;
    const first = placeAt(at.scrollTop);
    const start = Math.max(0, first - OVER);
    const stop = placeAt(at.scrollTop + at.clientHeight) + 1 + OVER;
    setRange((before) => (before[0] === start && before[1] === stop ? before : [start, stop]));
    see(first, stop);
  }

  useEffect(() => {
    scroller = box.current;
    measure();
    const watch = new ResizeObserver(measure);
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, [rowHeight]);

  useSignalEffect(() => {
    if (version.value >= 0 && unfolded.value.size >= 0) {
      queueMicrotask(() => {
        follow();
        measure();
      });
    }
  });

  // What was looked at stays where it is, unless that is the top.
  useLayoutEffect(() => {
    const at = box.current;
    const by = shift.value - moved.current;
    moved.current = shift.value;
    if (at && by && at.scrollTop > rowHeight / 2) at.scrollTop += by * rowHeight;
  });

  const where = source.value;
  const name = where?.kind === "mailbox" ? where.id : where?.query;
  useEffect(() => {
    foldAll();
    if (box.current) box.current.scrollTop = 0;
  }, [name]);

  useSubscribed();
  const length = rows.length;
  const places: number[] = [];
  for (let place = range[0]; place < Math.min(range[1], length); place++) places.push(place);
  const under = below();
  const open = rows.threads ? unfolded.value : new Map<string, Row[]>();
  const title = where?.kind === "search" ? "Search" : (mailbox.value?.name ?? "");
  return (
    <section class="list" aria-label={`Messages in ${title}`}>
      <Actions title={title} />
      <Status />
      <div class="rows" ref={box} onScroll={measure}>
        {length === 0 ? (
          <Empty />
        ) : (
          <ul class="all" aria-label={many(length, rows.threads ? "conversation" : "message")} style={{ height: `${topOf(length, under)}px` }}>
            {places.map((place) => {
              const row = rows.at(place);
              const top = topOf(place, under);
              const style = { transform: `translateY(${top}px)`, height: `${rowHeight}px` };
              if (!row) return <li key={`place ${place}`} class="row missing" style={style} aria-setsize={length} aria-posinset={place + 1} />;
              const key = rows.key(row);
              const inside = open.get(key);
              const line = (
                <ListRow
                  key={key}
                  row={row}
                  rowKey={key}
                  style={style}
                  place={place}
                  length={length}
                  isHere={cursor.value === key}
                  isOpen={opened.value?.key === key}
                  isSelected={selected.value.has(key)}
                  isUnfolded={inside !== undefined}
                  onOpen={() => openRow(row)}
                />
              );
              if (!inside) return line;
              const at = { transform: `translateY(${top + rowHeight}px)`, height: `${inside.length * SMALL}px` };
              return [line, <Inside key={`${key} inside`} messages={inside} thread={row} style={at} />];
            })}
          </ul>
        )}
      </div>
    </section>
  );
}
