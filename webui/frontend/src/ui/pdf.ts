// PDF files, drawn page by page onto canvases: no plug-in, no scripts of the file.

import { PDFWorker, getDocument } from "pdfjs-dist";
import worker from "pdfjs-dist/build/pdf.worker.min.mjs?url";

const MOST_PAGES = 200;

interface Factory {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string };
}

/** The one address of a script that the page's policy (Trusted Types) lets run beside it. */
const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
const address = factory?.createPolicy("mox-pdf", { createScriptURL: () => worker }).createScriptURL("") ?? worker;

export async function show(url: string, box: HTMLElement, stop: AbortSignal): Promise<void> {
  const port = new Worker(address, { type: "module" });
  const reader = new PDFWorker({ port: port as unknown as null }); // its types say that there is none
  const loading = getDocument({ url, worker: reader, withCredentials: true, isEvalSupported: false, enableXfa: false, useSystemFonts: true });
  stop.addEventListener("abort", () => {
    const end = () => {
      reader.destroy();
      port.terminate();
    };
    loading.destroy().then(end, end);
  });
  const file = await loading.promise;
  for (let number = 1; number <= Math.min(file.numPages, MOST_PAGES); number++) {
    if (stop.aborted) return;
    const page = await file.getPage(number);
    const usual = page.getViewport({ scale: 1 });
    const viewport = page.getViewport({ scale: (Math.min(box.clientWidth, 1000) / usual.width) * window.devicePixelRatio });
    const canvas = document.createElement("canvas");
    canvas.width = viewport.width;
    canvas.height = viewport.height;
    canvas.setAttribute("aria-label", `Page ${number} of ${file.numPages}`);
    box.append(canvas);
    await page.render({ canvas, viewport }).promise;
  }
}
