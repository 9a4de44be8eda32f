// A file on its way into the account: sent in parts, so that a lost connection costs one of them, and followed until its mail is in.
// It goes on while the settings are closed.

import { effect, signal } from "@preact/signals";
import { csrfToken } from "../state/entrance";
import { live } from "../state/store";
import { message } from "../state/toasts";

export interface Job {
  id: string;
  name: string;
  size: number;
  mailbox: string;
  received: number;
  state: "receiving" | "running" | "done" | "failed" | "canceled";
  share: number;
  left: number | null;
  messages: number;
  bytes: number;
  before: number;
  duplicates: number;
  bad: [name: string, reason: string][];
  badTotal: number;
  renamed: [from: string, to: string][];
  problem: string;
}

const PART = 4 * 1024 * 1024;
const TRIES = 8;
const LOOK = 800;

/** undefined before anybody asked. */
export const job = signal<Job | null | undefined>(undefined);
/** The file is being sent by this window. */
export const isSending = signal(false);
/** Bytes in a second, of the file that is being sent. */
export const rate = signal(0);
export const problem = signal("");
let timer = 0;

export function isOver({ state }: Job): boolean {
  return state !== "receiving" && state !== "running";
}

/** How the import is; asked again while it goes on. */
export async function look(): Promise<void> {
  clearTimeout(timer);
  try {
    job.value = await live.call<Job | null>("importState");
  } catch {
    // asked again
  }
  if (job.value && !isOver(job.value)) timer = window.setTimeout(() => void look(), LOOK);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function isOnline(): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (live.state.value !== "online") return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}

async function send(id: string, offset: number, part: Blob): Promise<Job> {
  const options = { method: "POST", body: part, headers: { "x-mox-csrf": csrfToken(), "content-type": "application/octet-stream" } };
  const response = await fetch(`import/${id}/${offset}`, { ...options, credentials: "same-origin" });
  const answer = (await response.json()) as Job & { error?: { code: string; message: string } };
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer;
}

async function sendAll(file: File, begun: Job): Promise<void> {
  let { received } = begun;
  let tries = 0;
  const start = { at: performance.now(), from: received };
  while (received < file.size) {
    try {
      const answer = await send(begun.id, received, file.slice(received, received + PART));
      received = answer.received;
      job.value = answer;
      tries = 0;
      rate.value = ((received - start.from) * 1000) / Math.max(performance.now() - start.at, 1);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if ((code && code !== "conflict") || ++tries > TRIES) throw error;
      await pause(500 * 2 ** Math.min(tries, 5));
      await isOnline();
      const now = await live.call<Job | null>("importState");
      if (now?.id !== begun.id || now.state !== "receiving") return;
      received = now.received;
    }
  }
}

/** Bring a file; throws what is wrong before it begins. */
export async function bring(file: File, mailbox: string, skipDuplicates: boolean): Promise<void> {
  problem.value = "";
  const begun = await live.call<Job>("importBegin", { name: file.name, size: file.size, mailbox, skipDuplicates });
  job.value = begun;
  isSending.value = true;
  void sendAll(file, begun)
    .catch((error: unknown) => (problem.value = `The file was not sent to its end: ${message(error)} Choose it again to go on.`))
    .finally(() => {
      isSending.value = false;
      void look();
    });
}

export async function cancel(): Promise<void> {
  await live.call("importCancel");
  await look();
}
