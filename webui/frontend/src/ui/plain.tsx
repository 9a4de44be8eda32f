// Plain text of mail: links that can be clicked, quotations that are folded, found words marked.

import { useState } from "preact/hooks";
import { blocks, depth, pieces } from "../text/plain";
import { many } from "../text/dates";

function Line({ line, words }: { line: string; words: readonly string[] }) {
  return (
    <>
      {pieces(line, words).map((piece, number) =>
        piece.href ? (
          <a key={number} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : piece.mark ? (
          <mark key={number}>{piece.text}</mark>
        ) : (
          piece.text
        ),
      )}
      {"\n"}
    </>
  );
}

function Quoted({ lines, words, isOpen }: { lines: string[]; words: readonly string[]; isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  if (!open) {
    return (
      <button type="button" class="fold" aria-expanded="false" title={`Show ${many(lines.length, "quoted line")}`} onClick={() => setOpen(true)}>
        •••
      </button>
    );
  }
  return (
    <blockquote>
      {lines.map((line, number) => {
        const [deep, rest] = depth(line);
        return (
          <span class={`level-${Math.min(deep, 4)}`} key={number}>
            <Line line={rest} words={words} />
          </span>
        );
      })}
    </blockquote>
  );
}

export function Plain({ text, words }: { text: string; words: readonly string[] }) {
  const all = blocks(text);
  return (
    <div class="plain" dir="auto">
      {all.map((block, number) => {
        if (block.kind === "quote") {
          const isLong = block.lines.length > 3;
          // A short quotation in the middle is what is being answered; the long one at the end was read before.
          const isLast = all.slice(number + 1).every(({ kind }) => kind !== "lines");
          return <Quoted key={number} lines={block.lines} words={words} isOpen={!isLast || !isLong} />;
        }
        return (
          <p key={number} class={block.kind === "signature" ? "signature" : ""}>
            {block.lines.map((line, at) => (
              <Line key={at} line={line} words={words} />
            ))}
          </p>
        );
      })}
    </div>
  );
}
