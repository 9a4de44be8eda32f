// The editor for formatted text: ProseMirror with a small set of elements, so that what is written is what others can read.

import { baseKeymap, chainCommands, exitCode, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { inputRules, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { DOMParser as ModelParser, DOMSerializer, type Node, Schema } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { type Command, EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { inert } from "../text/inert";
import type { Body } from "../state/letter";

const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { content: "inline*", group: "block", parseDOM: [{ tag: "p" }, { tag: "div" }], toDOM: () => ["p", 0] },
    blockquote: { content: "block+", group: "block", defining: true, parseDOM: [{ tag: "blockquote" }], toDOM: () => ["blockquote", 0] },
    heading: { content: "inline*", group: "block", defining: true, parseDOM: [{ tag: "h1" }, { tag: "h2" }, { tag: "h3" }], toDOM: () => ["h3", 0] },
    code_block: { content: "text*", marks: "", group: "block", code: true, defining: true, parseDOM: [{ tag: "pre", preserveWhitespace: "full" }], toDOM: () => ["pre", 0] },
    rule: { group: "block", parseDOM: [{ tag: "hr" }], toDOM: () => ["hr"] },
    bullet_list: { content: "list_item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: () => ["ul", 0] },
    ordered_list: { content: "list_item+", group: "block", parseDOM: [{ tag: "ol" }], toDOM: () => ["ol", 0] },
    list_item: { content: "paragraph block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0] },
    text: { group: "inline" },
    picture: {
      inline: true,
      group: "inline",
      draggable: true,
      attrs: { cid: {}, alt: { default: "" } },
      parseDOM: [{ tag: 'img[src^="cid:"]', getAttrs: (element) => ({ cid: (element.getAttribute("src") ?? "").slice(4), alt: element.getAttribute("alt") ?? "" }) }],
      toDOM: (node) => ["img", { src: `cid:${String(node.attrs.cid)}`, alt: String(node.attrs.alt) }],
    },
    hard_break: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
  },
  marks: {
    link: {
      attrs: { href: {} },
      inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (element) => ({ href: element.getAttribute("href") }) }],
      toDOM: (mark) => ["a", { href: mark.attrs.href as string, rel: "noopener noreferrer" }, 0],
    },
    strong: { parseDOM: [{ tag: "strong" }, { tag: "b" }], toDOM: () => ["strong", 0] },
    em: { parseDOM: [{ tag: "em" }, { tag: "i" }], toDOM: () => ["em", 0] },
    underline: { parseDOM: [{ tag: "u" }], toDOM: () => ["u", 0] },
    code: { parseDOM: [{ tag: "code" }], toDOM: () => ["code", 0] },
  },
});

const { nodes, marks } = schema;

/** The text of a document as plain mail has it. */
export function plain(node: Node, prefix = ""): string {
  const out: string[] = [];
  node.forEach((block, _, index) => {
    const kind = block.type.name;
    if (kind === "blockquote") out.push(plain(block, `${prefix}> `));
    else if (kind === "rule") out.push(`${prefix}----------`);
    else if (kind === "bullet_list" || kind === "ordered_list") {
      block.forEach((item, __, at) => {
        const sign = kind === "bullet_list" ? "- " : `${at + 1}. `;
        const lines = plain(item, "").split("\n");
        out.push(lines.map((line, number) => `${prefix}${number ? " ".repeat(sign.length) : sign}${line}`).join("\n"));
      });
    } else {
      let text = "";
      block.forEach((piece) => {
        if (piece.type.name === "picture") text += `[${String(piece.attrs.alt) || "picture"}]`;
        else text += piece.type.name === "hard_break" ? "\n" : (piece.text ?? "");
      });
      out.push(text.split("\n").map((line) => `${prefix}${line}`).join("\n"));
    }
    if (index < node.childCount - 1 && kind === "blockquote") out.push("");
  });
  return out.join("\n");
}

/** Whether the document says more than its text does. */
function isFormatted(doc: Node): boolean {
  let found = false;
  doc.descendants((node) => {
    if (["heading", "bullet_list", "ordered_list", "code_block", "rule", "blockquote", "picture"].includes(node.type.name)) found = true;
    if (node.marks.length) found = true;
    return !found;
  });
  return found;
}

export type Tool = "bold" | "italic" | "bullets" | "numbers" | "quote";

export interface Editor {
  body(): Body;
  focus(): void;
  run(tool: Tool): void;
  link(href: string): void;
  /** Put a picture where the cursor is. */
  picture(cid: string, alt: string): void;
  insert(text: string): void;
  isOn(tool: Tool): boolean;
  destroy(): void;
}

/** Paragraphs of a plain text. */
function fromText(text: string): Node[] {
  return text.split("\n").map((line) => nodes.paragraph.create(null, line ? schema.text(line) : undefined));
}

export function documentOf(body: Body | undefined, quote: Body | undefined, signature: string): Node {
  const parser = ModelParser.fromSchema(schema);
  const parsed = (html: string) => parser.parse(inert(html));
  const blocks: Node[] = [];
  if (body?.html) blocks.push(...children(parsed(body.html)));
  else blocks.push(...fromText(body?.text ?? ""));
  if (signature && !body) blocks.push(nodes.paragraph.create(), ...fromText(`-- \n${signature}`));
  if (quote) {
    const [head = "", ...rest] = quote.text.split("\n");
    const isForward = head.startsWith("-----");
    const lines = isForward ? quote.text.split("\n\n")[0]?.split("\n") ?? [] : [head];
    blocks.push(nodes.paragraph.create(), ...lines.flatMap(fromText));
    const inner = quote.html ? children(parsed(quote.html)) : fromText((isForward ? quote.text.split("\n\n").slice(1).join("\n\n") : rest.map((line) => line.replace(/^> ?/, "")).join("\n")));
    if (isForward) blocks.push(...inner);
    else blocks.push(nodes.blockquote.create(null, inner.length ? inner : [nodes.paragraph.create()]));
  }
  return nodes.doc.create(null, blocks);
}

function children(node: Node): Node[] {
  const found: Node[] = [];
  node.forEach((child) => {
    found.push(child);
  });
  return found;
}

const COMMANDS: Record<Tool, Command> = {
  bold: toggleMark(marks.strong),
  italic: toggleMark(marks.em),
  bullets: wrapInList(nodes.bullet_list),
  numbers: wrapInList(nodes.ordered_list),
  quote: wrapIn(nodes.blockquote),
};

/** Where the editor gets its pictures, by their ids. */
export type Pictures = (cid: string) => string;

export function edit(box: HTMLElement, doc: Node, changed: () => void, pictures: Pictures): Editor {
  const newline = chainCommands(exitCode, (state, dispatch) => {
    dispatch?.(state.tr.replaceSelectionWith(nodes.hard_break.create()).scrollIntoView());
    return true;
  });
  const keys = {
    "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo, "Mod-b": COMMANDS.bold, "Mod-i": COMMANDS.italic, "Mod-u": toggleMark(marks.underline),
    "Shift-Enter": newline, Enter: splitListItem(nodes.list_item), Tab: sinkListItem(nodes.list_item), "Shift-Tab": liftListItem(nodes.list_item),
    "Shift-Mod-8": COMMANDS.bullets, "Shift-Mod-7": COMMANDS.numbers, "Shift-Mod-9": COMMANDS.quote, "Mod-Alt-0": setBlockType(nodes.paragraph),
  };
  const rules = inputRules({
    rules: [wrappingInputRule(/^\s*([-*])\s$/, nodes.bullet_list), wrappingInputRule(/^(\d+)\.\s$/, nodes.ordered_list), wrappingInputRule(/^\s*>\s$/, nodes.blockquote)],
  });
  const view = new EditorView(box, {
    state: EditorState.create({ doc, plugins: [rules, keymap(keys), keymap(baseKeymap), history()] }),
    nodeViews: {
      picture(node) {
        const dom = document.createElement("img");
        dom.src = pictures(String(node.attrs.cid));
        dom.alt = String(node.attrs.alt);
        return { dom };
      },
    },
    attributes: { "aria-label": "Message", role: "textbox", "aria-multiline": "true", spellcheck: "true", class: "written" },
    dispatchTransaction(transaction) {
      view.updateState(view.state.apply(transaction));
      if (transaction.docChanged) changed();
    },
  });
  return {
    body() {
      const { doc: now } = view.state;
      const text = plain(now);
      if (!isFormatted(now)) return { text, html: "" };
      // Of a document that loads nothing: pictures are named by their ids here.
      const apart = document.implementation.createHTMLDocument();
      const holder = apart.createElement("div");
      holder.append(DOMSerializer.fromSchema(schema).serializeFragment(now.content, { document: apart }));
      return { text, html: new XMLSerializer().serializeToString(holder).replace(/^<div[^>]*>|<\/div>$/g, "").replaceAll(' xmlns="http://www.w3.org/1999/xhtml"', "") };
    },
    focus: () => view.focus(),
    run(tool) {
      COMMANDS[tool](view.state, view.dispatch, view);
      view.focus();
    },
    link(href) {
      toggleMark(marks.link, { href })(view.state, view.dispatch, view);
      view.focus();
    },
    picture(cid, alt) {
      view.dispatch(view.state.tr.replaceSelectionWith(nodes.picture.create({ cid, alt }), false).scrollIntoView());
      view.focus();
    },
    insert(text) {
      view.dispatch(view.state.tr.insertText(text));
    },
    isOn(tool) {
      const mark = tool === "bold" ? marks.strong : tool === "italic" ? marks.em : null;
      const { from, to, empty, $from } = view.state.selection;
      if (!mark) return false;
      return empty ? mark.isInSet(view.state.storedMarks ?? $from.marks()) !== undefined : view.state.doc.rangeHasMark(from, to, mark);
    },
    destroy: () => view.destroy(),
  };
}
