// Plain text of mail as blocks: paragraphs, quotations that are folded, links, and the words that somebody searched for.

export interface Quote {
  kind: "quote";
  lines: string[];
}

export interface Lines {
  kind: "lines" | "signature";
  lines: string[];
}

export type Block = Quote | Lines;

/** The blocks of a text in their order. */
export function blocks(text: string): Block[] {
  const found: Block[] = [];
  const lines = text.replace(/\s+$/, "").split("\n");
  const dash = lines.findLastIndex((line) => line === "-- " || line === "--");
  const signature = dash > 0 && lines.length - dash < 12 ? dash : lines.length;
  lines.forEach((line, number) => {
    const kind = number >= signature ? "signature" : line.startsWith(">") ? "quote" : "lines";
    const last = found.at(-1);
    if (last?.kind === kind) last.lines.push(line);
    else found.push({ kind, lines: [line] });
  });
  return found.map(trimmed).filter((block) => block.lines.length > 0);
}

function trimmed(block: Block): Block {
  if (block.kind !== "lines") return block;
  const lines = [...block.lines];
  while (lines[0]?.trim() === "") lines.shift();
  while (lines.at(-1)?.trim() === "") lines.pop();
  return { ...block, lines };
}

/** How deep a line is quoted, and the line without the signs. */
export function depth(line: string): [number, string] {
  const signs = /^(?:> ?)+/.exec(line);
  if (!signs) return [0, line];
  return [signs[0].replaceAll(" ", "").length, line.slice(signs[0].length)];
}

export type Piece = { text: string; href?: string; mark?: boolean };

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"']{2,2000}|\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/g;

/** A line in pieces: text, links, and found words. */
export function pieces(line: string, words: readonly string[] = []): Piece[] {
  const found: Piece[] = [];
  let position = 0;
  for (const match of line.matchAll(LINK)) {
    const url = withoutEnd(match[0]);
    found.push(...marked(line.slice(position, match.index), words));
    found.push({ text: url, href: href(url) });
    position = match.index + url.length;
  }
  found.push(...marked(line.slice(position), words));
  return found;
}

/** Signs at the end of a URL that belong to the sentence. */
function withoutEnd(url: string): string {
  let end = url.replace(/[.,;:!?'"*_~]+$/, "");
  while (end.endsWith(")") && end.split(")").length > end.split("(").length) end = end.slice(0, -1).replace(/[.,;:!?]+$/, "");
  return end;
}

function href(url: string): string {
  if (url.includes("@") && !/^(?:https?:|www\.)/i.test(url)) return `mailto:${url}`;
  return url.startsWith("www.") ? `https://${url}` : url;
}

/** A text with words marked, without regard to case. */
export function marked(text: string, words: readonly string[]): Piece[] {
  if (!text) return [];
  const wanted = words.filter((word) => word.length > 0).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!wanted.length) return [{ text }];
  return text
    .split(new RegExp(`(${wanted.join("|")})`, "gi"))
    .map((part, number) => (number % 2 ? { text: part, mark: true } : { text: part }))
    .filter((piece) => piece.text);
}

/** The text as it is quoted in an answer. */
export function quoted(text: string): string {
  return text
    .replace(/\s+$/, "")
    .split("\n")
    .map((line) => (line.startsWith(">") ? `>${line}` : line ? `> ${line}` : ">"))
    .join("\n");
}

const MISSING = /\b(?:attach(?:ed|ment|ments|ing)?|enclosed|anbei|angehängt|im anhang|beigefügt|ci-joint|adjunto)\b/i;

/** Whether a text speaks of an attachment, quotations aside. */
export function speaksOfAttachment(text: string): boolean {
  return text.split("\n").some((line) => !line.startsWith(">") && MISSING.test(line));
}
