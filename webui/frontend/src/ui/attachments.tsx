// What is attached: pictures as small pictures, everything can be looked at that cannot run, and saved.

import { useEffect, useState } from "preact/hooks";
import type { AttachedFile, Message } from "../state/protocol";
import { message as problemOf } from "../state/toasts";
import { many, size } from "../text/dates";
import { page } from "./asking";
import { download } from "./exporting";
import { Icon, type IconName } from "./icons";

const ICONS: Record<string, IconName> = { image: "image", message: "mail" };
const SHOWN_TYPES = ["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/avif"];
const LARGEST_PREVIEW = 5 * 1024 * 1024;

function TextFile({ url }: { url: string }) {
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    fetch(url, { credentials: "same-origin" })
      .then((response) => (response.ok ? response.text() : Promise.reject(new Error("The file cannot be read now."))))
      .then((all) => setText(all.slice(0, 1_000_000)))
      .catch((error: unknown) => setProblem(problemOf(error)));
  }, [url]);
  if (problem) return <p class="problem">{problem}</p>;
  return text === null ? <div class="skeleton-message" aria-busy="true" /> : <pre class="source">{text}</pre>;
}

function Pdf({ url }: { url: string }) {
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (!box) return undefined;
    const stop = new AbortController();
    import("./pdf")
      .then(({ show }) => show(url, box, stop.signal))
      .catch((error: unknown) => setProblem(problemOf(error)));
    return () => stop.abort();
  }, [url, box]);
  return (
    <>
      {problem && <p class="problem">{problem}</p>}
      <div class="pdf" ref={setBox} />
    </>
  );
}

function canShow(file: AttachedFile): boolean {
  return SHOWN_TYPES.includes(file.type) || file.kind === "pdf" || file.type.startsWith("text/");
}

function Viewer({ file, url }: { file: AttachedFile; url: string }) {
  return (
    <>
      <div class="buttons left">
        <button type="button" onClick={() => download(`${url}?save=1`)}>
          Save {size(file.size)}
        </button>
      </div>
      {SHOWN_TYPES.includes(file.type) ? <img class="viewed" src={url} alt={file.name} /> : file.kind === "pdf" ? <Pdf url={url} /> : <TextFile url={url} />}
    </>
  );
}

export function Attachments({ message, base }: { message: Message; base: string }) {
  const files = message.attachments;
  const [isAll, setAll] = useState(false);
  if (!files.length) return null;
  const shown = isAll ? files : files.slice(0, 8);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  return (
    <section class="attachments" aria-label="Attachments">
      <h3>
        {many(files.length, "attachment")} <span class="quiet">{size(total)}</span>
        {files.length > 1 && (
          <button type="button" class="quiet-button" onClick={() => download(`${base}/files.zip`)}>
            Save all
          </button>
        )}
      </h3>
      <ul>
        {shown.map((file) => {
          const url = `${base}/part/${file.path}`;
          const open = () => (canShow(file) ? page(file.name, () => <Viewer file={file} url={url} />, true) : download(`${url}?save=1`));
          return (
            <li key={file.path}>
              <button type="button" class="file" onClick={open} title={`${file.name}, ${file.type}`}>
                {SHOWN_TYPES.includes(file.type) && file.size < LARGEST_PREVIEW ? (
                  <img src={url} alt="" loading="lazy" decoding="async" />
                ) : (
                  <span class={`kind kind-${file.kind}`}>
                    <Icon name={ICONS[file.kind] ?? "file"} />
                  </span>
                )}
                <span class="file-name">
                  <bdi>{file.name}</bdi>
                </span>
                <small>{size(file.size)}</small>
              </button>
              <button type="button" class="icon-button" aria-label={`Save ${file.name}`} title="Save" onClick={() => download(`${url}?save=1`)}>
                <Icon name="download" />
              </button>
            </li>
          );
        })}
      </ul>
      {files.length > shown.length && (
        <button type="button" class="quiet-button" onClick={() => setAll(true)}>
          {files.length - shown.length} more
        </button>
      )}
    </section>
  );
}
