import { describe, expect, it } from "vitest";
import { size } from "../src/text/dates";
import * as people from "../src/text/people";
import { blocks, depth, marked, pieces, quoted, speaksOfAttachment } from "../src/text/plain";

describe("plain text", () => {
  it("is parted into text, quotations and a signature", () => {
    const found = blocks("Hi\n\n> one\n> two\nBye\n-- \nBob\n");
    expect(found.map(({ kind }) => kind)).toEqual(["lines", "quote", "lines", "signature"]);
  });

  it("has links without the signs around them", () => {
    expect(pieces("see https://a.example/x_(y)?z=1, or (www.b.example).").filter(({ href }) => href)).toEqual([
      { text: "https://a.example/x_(y)?z=1", href: "https://a.example/x_(y)?z=1" },
      { text: "www.b.example", href: "https://www.b.example" },
    ]);
    expect(pieces("ann@example.org")).toEqual([{ text: "ann@example.org", href: "mailto:ann@example.org" }]);
  });

  it("makes no link of a script", () => {
    expect(pieces("javascript:alert(1) data:text/html,x").some(({ href }) => href)).toBe(false);
  });

  it("marks found words, whatever signs they hold", () => {
    expect(marked("A (b) and a.c", ["(B)", "a.c"])).toEqual([
      { text: "A " }, { text: "(b)", mark: true }, { text: " and " }, { text: "a.c", mark: true },
    ]);
  });

  it("is quoted for an answer", () => {
    expect(quoted("one\n\n> two\n")).toBe("> one\n>\n>> two");
    expect(depth(">> > deep")).toEqual([3, "deep"]);
  });

  it("speaks of attachments, but not in what is quoted", () => {
    expect(speaksOfAttachment("the report is attached")).toBe(true);
    expect(speaksOfAttachment("Hallo,\nanbei der Bericht")).toBe(true);
    expect(speaksOfAttachment("> it is attached\nthanks")).toBe(false);
  });
});

describe("people", () => {
  it("are called by their names, unless that is another address", () => {
    expect(people.called(["Ann", "ann@a.example"])).toBe("Ann");
    expect(people.called(["boss@b.example", "ann@a.example"])).toBe("ann@a.example");
    expect(people.called(["", "ann@a.example"])).toBe("ann@a.example");
  });

  it("are taken apart as they are pasted", () => {
    expect(people.split('"Doe, Ann" <ann@a.example>; bob@b.example\ncid@c.example')).toEqual([
      ["Doe, Ann", "ann@a.example"], ["", "bob@b.example"], ["", "cid@c.example"],
    ]);
  });

  it("are there once", () => {
    expect(people.unique([["A", "a@x.example"], ["B", "A@X.example"], ["C", "c@x.example"]], [["", "c@x.example"]])).toEqual([["A", "a@x.example"]]);
  });

  it("have addresses that look like some", () => {
    expect(["a@b.example", "ä@b.example", "a@b"].map(people.isAddress)).toEqual([true, true, true]);
    expect(["a", "a@", "@b", "a b@c.example", "a@b,c"].map(people.isAddress)).toEqual([false, false, false, false, false]);
  });
});

describe("sizes", () => {
  it("are short", () => {
    expect([0, 999, 1000, 1536, 10 * 1024 * 1024].map(size)).toEqual(["0 B", "999 B", "1.0 KB", "1.5 KB", "10 MB"]);
  });
});
