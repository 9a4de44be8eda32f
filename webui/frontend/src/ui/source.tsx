// The message as it came: headers first, then everything.

import { useEffect, useState } from "preact/hooks";
import { message } from "../state/toasts";
import { download } from "./exporting";

const SHOWN = 512 * 1024;

async function read(url: string): Promise<{ text: string; isCut: boolean }> {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok || !response.body) throw new Error("The message cannot be read now.");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return { text: text + decoder.decode(), isCut: false };
    text += decoder.decode(value, { stream: true });
    if (text.length > SHOWN) {
      await reader.cancel();
      return { text: text.slice(0, SHOWN), isCut: true };
    }
  }
}

export function Source({ base }: { base: string }) {
  const [text, setText] = useState<string | null>(null);
  const [isCut, setCut] = useState(false);
  const [problem, setProblem] = useState("");
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    read(`${base}/raw`)
      .then((found) => {
        setText(found.text);
        setCut(found.isCut);
      })
      .catch((error: unknown) => setProblem(message(error)));
  }, [base]);
  if (problem) return <p class="problem">{problem}</p>;
  if (text === null) return <div class="skeleton-message" aria-busy="true" aria-label="Loading" />;
  const end = text.search(/\r?\n\r?\n/);
  const shown = isWhole || end < 0 ? text : text.slice(0, end);
  return (
    <>
      <div class="buttons left">
        <button type="button" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Headers only" : "Show all"}
        </button>
        <button type="button" onClick={() => void navigator.clipboard.writeText(shown)}>
          Copy
        </button>
        <button type="button" onClick={() => download(`${base}/raw?save=1`)}>
          Save
        </button>
      </div>
      <pre class="source">{shown}</pre>
      {isCut && isWhole && <p class="quiet">This is the beginning; save the message to see the rest.</p>}
    </>
  );
}
