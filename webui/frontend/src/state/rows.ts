// The rows of a list as the server has them, and what the page shows of them: rows that an action took away are hidden, flags that an
// action changed are shown changed, until the server says so itself or refuses. Nothing here knows of screens.

import type { Op, Row } from "./protocol";
import { SEEN } from "./protocol";

export interface Change {
  add: string[];
  remove: string[];
}

export class Rows {
  total = 0;
  threads = true;
  /** Whether the server has answered. */
  loaded = false;
  private rows: (Row | undefined)[] = [];
  private hidden = new Set<string>();
  private changed = new Map<string, Change>();
  private hiddenAt: number[] | undefined;

  /** What a row is known by: a thread keeps its key when a message joins it. */
  key(row: Row): string {
    return this.threads ? row.thread : row.id;
  }

  /** How many rows are shown. */
  get length(): number {
    return this.total - this.hiddenPositions().length;
  }

  /** The row at a place on the page; undefined while it is not there. */
  at(index: number): Row | undefined {
    const row = this.rows[this.position(index)];
    return row && this.looks(row);
  }

  /** The place of a row on the page, or -1. */
  indexOf(key: string): number {
    const position = this.find(key);
    if (position < 0) return -1;
    const before = this.hiddenPositions().filter((each) => each < position).length;
    return this.hidden.has(key) ? -1 : position - before;
  }

  get(key: string): Row | undefined {
    const row = this.rows[this.find(key)];
    return row && this.looks(row);
  }

  /** The positions that the server is asked for so that these places of the page can be shown. */
  positions(start: number, stop: number): [number, number] {
    return [this.position(Math.max(start, 0)), this.position(Math.max(stop, 0))];
  }

  has(start: number, stop: number): boolean {
    const [from, to] = this.positions(start, Math.min(stop, this.length));
    for (let position = from; position < Math.min(to, this.total); position++) if (!this.rows[position]) return false;
    return true;
  }

  list(total: number, start: number, rows: (Row | null)[], anew: boolean): void {
    if (anew) this.rows = [];
    this.loaded = true;
    this.total = total;
    this.rows.length = Math.min(this.rows.length, total);
    rows.forEach((row, number) => {
      this.rows[start + number] = row ?? undefined;
    });
    this.settle();
  }

  /** Apply changes; returns how many rows came before the place (less those that went). */
  ops(total: number, ops: Op[], before: number): number {
    let place = before;
    for (const op of ops) {
      const position = op[1];
      if (op[0] === "-") {
        this.rows.splice(position, 1);
        if (position < place) place--;
      } else if (op[0] === "+") {
        if (this.rows.length < position) this.rows.length = position;
        this.rows.splice(position, 0, op[2] ?? undefined);
        if (position < place) place++;
      } else {
        this.rows[position] = op[2] ?? undefined;
      }
    }
    this.total = total;
    this.settle();
    return place - before;
  }

  hide(keys: Iterable<string>): void {
    for (const key of keys) this.hidden.add(key);
    this.hiddenAt = undefined;
  }

  show(keys: Iterable<string>): void {
    for (const key of keys) this.hidden.delete(key);
    this.hiddenAt = undefined;
  }

  change(keys: Iterable<string>, change: Change): void {
    for (const key of keys) this.changed.set(key, change);
  }

  unchange(keys: Iterable<string>): void {
    for (const key of keys) this.changed.delete(key);
  }

  /** Every row that is there. */
  *known(): Iterable<Row> {
    for (const row of Object.values(this.rows)) if (row) yield this.looks(row);
  }

  private position(index: number): number {
    let position = index;
    for (const hidden of this.hiddenPositions()) {
      if (hidden > position) break;
      position++;
    }
    return position;
  }

  private find(key: string): number {
    for (const [position, row] of Object.entries(this.rows)) {
      if (row && this.key(row) === key) return Number(position);
    }
    return -1;
  }

  private hiddenPositions(): number[] {
    if (!this.hiddenAt) {
      this.hiddenAt = [];
      if (this.hidden.size) {
        for (const [position, row] of Object.entries(this.rows)) {
          if (row && this.hidden.has(this.key(row))) this.hiddenAt.push(Number(position));
        }
      }
    }
    return this.hiddenAt;
  }

  private settle(): void {
    this.hiddenAt = undefined;
  }

  private looks(row: Row): Row {
    const change = this.changed.get(this.key(row));
    if (!change) return row;
    const flags = row.flags.filter((flag) => !change.remove.includes(flag) && !change.add.includes(flag));
    const unread = change.add.includes(SEEN) ? 0 : change.remove.includes(SEEN) ? Math.max(row.unread, 1) : row.unread;
    return { ...row, flags: [...flags, ...change.add], unread };
  }
}
