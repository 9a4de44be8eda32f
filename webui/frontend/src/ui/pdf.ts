// PDF files, drawn page by page onto canvases: no plug-in, no scripts of the file.

import { GlobalWorkerOptions, getDocument } from "pdfjs-dist";
import worker from "pdfjs-dist/build/pdf.worker.min.mjs?url";

const MOST_PAGES = 200;

export async function show(url: string, box: HTMLElement, stop: AbortSignal): Promise<void> {
  GlobalWorkerOptions.workerSrc = worker;
  const loading = getDocument({ url, withCredentials: true, isEvalSupported: false, enableXfa: false, useSystemFonts: true });
  stop.addEventListener("abort", () => void loading.destroy());
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
