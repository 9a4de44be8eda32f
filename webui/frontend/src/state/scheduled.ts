// Mail that waits in the queue for a time to come.

import { signal } from "@preact/signals";
import { live } from "./store";
import { done, message, wrong } from "./toasts";

export interface Scheduled {
  queued: string;
  at: number;
  subject: string;
  recipients: string[];
}

export const scheduled = signal<Scheduled[]>([]);

export async function load(): Promise<void> {
  scheduled.value = await live.call<Scheduled[]>("scheduled").catch(() => scheduled.value);
}

export async function cancel({ queued }: Scheduled): Promise<void> {
  try {
    await live.call("scheduleCancel", { queued });
    done("Not sent; it is in Drafts");
  } catch (error) {
    wrong(`Not canceled: ${message(error)}`);
  }
  await load();
}

export async function sendNow({ queued }: Scheduled): Promise<void> {
  try {
    await live.call("scheduleNow", { queued });
    done("Sent");
  } catch (error) {
    wrong(`Not sent: ${message(error)}`);
  }
  await load();
}
