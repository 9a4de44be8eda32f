import { describe, expect, it } from "vitest";
import { FLAGGED, type Op, type Row, SEEN } from "../src/state/protocol";
import { Rows } from "../src/state/rows";

function row(number: number, more: Partial<Row> = {}): Row {
  return {
    id: `1.${number}`, thread: `T${number}`, people: [["Ann", "ann@example.org", true]], to: ["", ""], subject: `s${number}`, preview: "",
    date: number, flags: [], size: 1, files: 0, count: 1, unread: 1, ...more,
  };
}

function filled(total: number, start = 0, stop = total): Rows {
  const rows = new Rows();
  rows.list(total, start, Array.from({ length: stop - start }, (_, at) => row(total - start - at)), false);
  return rows;
}

const ids = (rows: Rows, count: number) => Array.from({ length: count }, (_, at) => rows.at(at)?.id);

describe("rows", () => {
  it("shows what the server listed, and nothing where it listed nothing", () => {
    const rows = filled(100_000, 50, 60);
    expect(rows.length).toBe(100_000);
    expect(rows.at(50)?.subject).toBe("s99950");
    expect(rows.at(49)).toBeUndefined();
    expect(rows.has(50, 60)).toBe(true);
    expect(rows.has(49, 60)).toBe(false);
  });

  it("applies changes one after the other", () => {
    const rows = filled(3);
    const ops: Op[] = [["+", 0, row(9)], ["-", 2], ["=", 1, row(3, { subject: "changed" })]];
    rows.ops(3, ops, 0);
    expect(ids(rows, 3)).toEqual(["1.9", "1.3", "1.1"]);
    expect(rows.at(1)?.subject).toBe("changed");
  });

  it("says how far what is looked at has moved", () => {
    const rows = filled(100);
    expect(rows.ops(101, [["+", 0, row(200)]], 50)).toBe(1);
    expect(rows.ops(100, [["-", 3]], 51)).toBe(-1);
    expect(rows.ops(101, [["+", 80, null]], 50)).toBe(0);
  });

  it("hides rows that an action took, and shows them again", () => {
    const rows = filled(5);
    rows.hide(["T4", "T3"]);
    expect(rows.length).toBe(3);
    expect(ids(rows, 3)).toEqual(["1.5", "1.2", "1.1"]);
    expect(rows.indexOf("T2")).toBe(1);
    expect(rows.indexOf("T3")).toBe(-1);
    rows.show(["T4", "T3"]);
    expect(rows.length).toBe(5);
  });

  it("keeps counting right when the server confirms what is hidden", () => {
    const rows = filled(5);
    rows.hide(["T4"]);
    rows.ops(4, [["-", 1]], 0);
    expect(rows.length).toBe(4);
    rows.show(["T4"]);
    expect(ids(rows, 4)).toEqual(["1.5", "1.3", "1.2", "1.1"]);
  });

  it("shows flags changed before the server says so", () => {
    const rows = filled(2);
    rows.change(["T2"], { add: [SEEN, FLAGGED], remove: [] });
    expect(rows.at(0)?.unread).toBe(0);
    expect(rows.at(0)?.flags).toContain(FLAGGED);
    rows.unchange(["T2"]);
    expect(rows.at(0)?.unread).toBe(1);
  });

  it("knows messages by themselves where there are no threads", () => {
    const rows = filled(2);
    rows.threads = false;
    expect(rows.indexOf("1.1")).toBe(1);
    expect(rows.indexOf("T1")).toBe(-1);
  });

  it("forgets everything when a list comes anew", () => {
    const rows = filled(10);
    rows.list(2, 0, [row(2), row(1)], true);
    expect(rows.length).toBe(2);
    expect(rows.at(2)).toBeUndefined();
  });
});
