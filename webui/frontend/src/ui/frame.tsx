// HTML of mail: a frame without scripts whose document has a policy of its own. It is as high as what it shows; keys that are pressed in
// it are the page's.

import { useEffect, useRef } from "preact/hooks";
import { place } from "../state/protocol";

interface Props {
  id: string;
  title: string;
  withPictures: boolean;
  onPictures: (missing: number) => void;
}

export function Frame({ id, title, withPictures, onPictures }: Props) {
  const frame = useRef<HTMLIFrameElement>(null);
  const { mailbox, uid } = place(id);
  const url = `msg/${mailbox}/${uid}/html${withPictures ? "?pictures=1" : ""}`;
  const watch = useRef<ResizeObserver | null>(null);
  useEffect(() => () => watch.current?.disconnect(), []);

  function loaded() {
    const inside = frame.current?.contentDocument;
    if (!frame.current || !inside) return;
    const fit = () => {
      if (!frame.current) return;
      // A document never is lower than its frame: the frame is made small before it is measured.
      const height = Math.ceil(Math.max(inside.body.getBoundingClientRect().height, inside.body.scrollHeight));
      frame.current.style.height = `${Math.min(height + 2, 100_000)}px`;
    };
    fit();
    watch.current?.disconnect();
    watch.current = new ResizeObserver(fit);
    watch.current.observe(inside.body);
    const missing = Number(inside.querySelector("meta[name='x-pictures']")?.getAttribute("content") ?? "0");
    onPictures(missing);
    inside.addEventListener("keydown", (event) => {
      const again = new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey, ctrlKey: event.ctrlKey, metaKey: event.metaKey, altKey: event.altKey, bubbles: true, cancelable: true });
      if (!document.body.dispatchEvent(again)) event.preventDefault();
    });
  }

  return (
    <iframe
      ref={frame}
      class="html"
      title={title}
      src={url}
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
      referrerpolicy="no-referrer"
      onLoad={loaded}
    />
  );
}
