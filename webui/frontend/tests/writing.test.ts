import { describe, expect, it } from "vitest";
import { matching } from "../src/ui/asking";
import { asKeyword } from "../src/ui/choosing";
import { documentOf, plain } from "../src/ui/editor";
import { named } from "../src/ui/keys";
import { fromText, toText } from "../src/ui/search-form";
import { lines } from "../src/ui/tree";
import { parse, write } from "../src/state/where";
import { prefixed, recipientsOf } from "../src/state/letters";
import type { Mailbox, Message, Person } from "../src/state/protocol";

const me: Person[] = [["Me", "me@home.example"]];

function message(more: Partial<Message>): Message {
  return { from: [["Ann", "ann@a.example"]], replyTo: [], recipients: me, cc: [], bcc: [], ...more } as Message;
}

describe("answers", () => {
  it("go to who wrote, or where that wants them", () => {
    expect(recipientsOf(message({}), "reply", me).to).toEqual([["Ann", "ann@a.example"]]);
    expect(recipientsOf(message({ replyTo: [["", "list@a.example"]] }), "reply", me).to).toEqual([["", "list@a.example"]]);
  });

  it("to all leave out oneself", () => {
    const all = recipientsOf(message({ recipients: [...me, ["Bob", "bob@b.example"]], cc: [["C", "c@c.example"]] }), "all", me);
    expect(all.to.map(([, address]) => address)).toEqual(["ann@a.example", "bob@b.example"]);
    expect(all.cc.map(([, address]) => address)).toEqual(["c@c.example"]);
  });

  it("to what one sent oneself go to its recipients", () => {
    expect(recipientsOf(message({ from: me, recipients: [["Bob", "bob@b.example"]] }), "reply", me).to).toEqual([["Bob", "bob@b.example"]]);
  });

  it("have one prefix", () => {
    expect(prefixed("Re", "RE: x")).toBe("RE: x");
    expect(prefixed("Fwd", "x")).toBe("Fwd: x");
  });
});

describe("the editor", () => {
  it("writes a quotation and a signature below", () => {
    const doc = documentOf(undefined, { text: "On Monday, Ann wrote:\n> one\n> two", html: "" }, "Bob");
    expect(plain(doc)).toBe("\n\n-- \nBob\n\nOn Monday, Ann wrote:\n> one\n> two");
  });

  it("reads what it wrote", () => {
    const doc = documentOf({ text: "", html: "<p>a <b>b</b></p><ul><li><p>c</p></li></ul>" }, undefined, "");
    expect(plain(doc)).toBe("a b\n- c");
  });
});

describe("searching by fields", () => {
  it("is the same as the text", () => {
    const text = 'words from:"Ann B" start:2026-01-02 -subject:no';
    const fields = fromText(text);
    expect(fields.from).toBe("Ann B");
    expect(fields.words).toBe("words -subject:no");
    expect(fromText(toText(fields))).toEqual(fields);
  });
});

describe("places", () => {
  it("are written into the address and read again", () => {
    const where = { kind: "box" as const, name: "A/ü b", message: "1.2~Tx" };
    expect(parse(write(where))).toEqual(where);
    expect(parse("#/nonsense")).toBeNull();
  });
});

describe("mailboxes", () => {
  const box = (id: number, name: string, role: Mailbox["role"] = ""): Mailbox => ({ id, name, role, total: 0, unread: 0, size: 0 });
  const all = [box(1, "Zoo"), box(2, "Inbox", "inbox"), box(3, "Zoo/b/c"), box(4, "Zoo/b"), box(5, "Trash", "trash"), box(6, "Inbox/x")];

  it("have the special ones first and children below their parents", () => {
    expect(lines(all, new Set()).map(({ mailbox, depth }) => `${depth} ${mailbox.name}`)).toEqual(["0 Inbox", "1 Inbox/x", "0 Trash", "0 Zoo", "1 Zoo/b", "2 Zoo/b/c"]);
  });

  it("can be folded", () => {
    expect(lines(all, new Set(["Zoo"])).length).toBe(4);
  });
});

describe("keys and choices", () => {
  const press = (key: string, more = {}) => named({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

  it("are named as they are shown", () => {
    expect([press("j"), press("J", { shiftKey: true }), press("#", { shiftKey: true }), press("a", { metaKey: true }), press(" ")]).toEqual(["j", "Shift+J", "#", "Ctrl+a", "Space"]);
  });

  it("offer what begins with what was typed first", () => {
    const choices = ["Work/Archive", "Archive", "Search"].map((label) => ({ id: label, label }));
    expect(matching(choices, "arch").map(({ label }) => label)).toEqual(["Work/Archive", "Archive", "Search"]);
    expect(matching(choices, "sea").map(({ label }) => label)).toEqual(["Search"]);
  });

  it("make labels that IMAP takes", () => {
    expect(asKeyword(" To do (now) ")).toBe("To-do-now-");
    expect(asKeyword("ü")).toBe("");
  });
});
