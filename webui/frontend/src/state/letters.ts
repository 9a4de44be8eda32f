// Beginning letters: new ones, answers, forwards, drafts; sending them, and taking that back.

import { effect } from "@preact/signals";
import { type Answer, letters } from "../ui/composing";
import { fetchMessage } from "../ui/message";
import { full } from "../text/dates";
import { called, same, unique, written } from "../text/people";
import { quoted } from "../text/plain";
import { type Attached, type Body, Letter, type Start } from "./letter";
import { CallFailed } from "./live";
import { type Message, type Person, place } from "./protocol";
import { load } from "./scheduled";
import { settings } from "./settings";
import { identities, live } from "./store";
import { done, message, wrong } from "./toasts";

const MOST = 3;

export function signatureOf(address: string): string {
  return identities.value.find((each) => each.address === address)?.signature ?? "";
}

export function begin(start: Start): Letter | null {
  if (letters.value.length >= MOST) {
    wrong("Three messages are being written already. Finish or close one first.");
    return null;
  }
  const letter = new Letter({ rich: settings.value.rich, ...start });
  for (const other of letters.value) if (other.place.value !== "small") other.place.value = "small";
  letters.value = [...letters.value, letter];
  return letter;
}

function own(): Person[] {
  return identities.value.map(({ name, address }) => [name, address]);
}

/** Who an answer comes from: the address that was written to. */
function senderFor(message: Message): Person {
  const mine = own();
  const addressed = [...message.recipients, ...message.cc, ...message.bcc];
  return mine.find((me) => addressed.some((one) => same(one, me))) ?? mine[0] ?? ["", ""];
}

export function recipientsOf(message: Message, how: "reply" | "all", mine: Person[]): { to: Person[]; cc: Person[] } {
  const isOwn = message.from.some((one) => mine.some((me) => same(one, me)));
  const back = isOwn ? message.recipients : message.replyTo.length ? message.replyTo : message.from;
  if (how === "reply") return { to: unique(back), cc: [] };
  const to = unique([...back, ...(isOwn ? [] : message.recipients)], isOwn ? [] : mine);
  return { to: to.length ? to : unique(back), cc: unique(message.cc, [...mine, ...to]) };
}

export function prefixed(prefix: "Re" | "Fwd", subject: string): string {
  const known = prefix === "Re" ? /^(?:re|aw|sv|antw)\s*:/i : /^(?:fwd?|wg)\s*:/i;
  return known.test(subject) ? subject : `${prefix}: ${subject}`;
}

function attribution(message: Message): string {
  return `On ${full(message.dateWritten ?? message.date)}, ${called(message.from[0] ?? ["", ""])} wrote:`;
}

function heading(message: Message): string {
  const lines = [
    "---------- Forwarded message ----------",
    `From: ${message.from.map(written).join(", ")}`,
    `Date: ${full(message.dateWritten ?? message.date)}`,
    `Subject: ${message.subject}`,
    `To: ${message.recipients.map(written).join(", ")}`,
  ];
  return [...lines, ...(message.cc.length ? [`Cc: ${message.cc.map(written).join(", ")}`] : [])].join("\n");
}

async function quote(message: Message, isForward: boolean): Promise<Body> {
  const text = message.texts.join("\n");
  const html = message.html ? (await live.call<{ html: string }>("quotable", place(message.id))).html : "";
  if (isForward) return { text: `${heading(message)}\n\n${text}`, html };
  return { text: `${attribution(message)}\n${quoted(text)}`, html };
}

let files = 1_000_000;

function attached(message: Message): Attached[] {
  return message.attachments.map(({ name, size, type, path }) => {
    return { key: ++files, name, size, type, progress: 1, piece: { ...place(message.id), path } };
  });
}

/** Pictures within the text of a message, for a text that goes on from it. */
function shown(message: Message): Attached[] {
  const at = place(message.id);
  return message.pictures.map(({ cid, name, size, type, path }) => {
    const url = `msg/${at.mailbox}/${at.uid}/part/${path}`;
    return { key: ++files, name, size, type, progress: 1, cid, url, piece: { ...at, path } };
  });
}

export async function answer(id: string, how: Answer): Promise<void> {
  try {
    const found = await fetchMessage(id);
    const { mailbox, uid } = place(id);
    const isForward = how === "forward" || how === "attach";
    const thread = { inReplyTo: found.messageId, references: [...found.references, found.messageId].filter(Boolean) };
    const whole: Attached = { key: ++files, name: `${found.subject || "message"}.eml`, size: found.size, type: "message/rfc822", progress: 1, piece: { mailbox, uid, path: "message" } };
    begin({
      sender: senderFor(found),
      ...(isForward ? {} : recipientsOf(found, how === "all" ? "all" : "reply", own())),
      subject: prefixed(isForward ? "Fwd" : "Re", found.subject),
      ...(how === "attach" ? {} : { quote: await quote(found, isForward) }),
      ...(isForward ? {} : thread),
      reply: { mailbox, uid, forward: isForward },
      files: how === "attach" ? [whole] : [...(how === "forward" ? attached(found) : []), ...shown(found)],
    });
  } catch (error) {
    wrong(message(error));
  }
}

export async function edit(id: string): Promise<void> {
  const { mailbox, uid } = place(id);
  const known = letters.value.find(({ draft }) => draft?.mailbox === mailbox && draft.uid === uid);
  if (known) {
    known.place.value = "open";
    return;
  }
  try {
    const found = await live.call<Message & { body: string }>("draftOpen", { mailbox, uid });
    begin({
      sender: found.from[0] ?? own()[0] ?? ["", ""],
      to: found.recipients,
      cc: found.cc,
      bcc: found.bcc,
      subject: found.subject,
      body: { text: found.texts.join("\n"), html: found.body },
      inReplyTo: found.references.at(-1) ?? "",
      references: found.references,
      draft: { mailbox, uid },
      messageId: found.messageId,
      files: [...attached(found), ...shown(found)],
      rich: Boolean(found.body) || settings.value.rich,
    });
  } catch (error) {
    wrong(message(error));
  }
}

export function dismiss(letter: Letter): void {
  void letter.stop();
  letters.value = letters.value.filter((each) => each !== letter);
}

/** Close a letter; what was written stays a draft. */
export async function close(letter: Letter): Promise<void> {
  if (letter.isEmpty) {
    dismiss(letter);
    return;
  }
  if (letter.isUnsaved) await letter.save();
  if (letter.saving.value === "failed") {
    wrong(`Not saved: ${letter.problem.value}`);
    return;
  }
  dismiss(letter);
  if (letter.draft) done("Saved in Drafts");
}

export async function discard(letter: Letter): Promise<void> {
  await letter.stop();
  letters.value = letters.value.filter((each) => each !== letter);
  const { draft } = letter;
  if (!draft) return;
  try {
    await live.call("erase", { mailbox: draft.mailbox, uids: [draft.uid] });
    done("Draft discarded", () => {
      letter.draft = null;
      letter.resume();
      letters.value = [...letters.value, letter];
      letter.changed();
    });
  } catch (error) {
    wrong(`Not discarded: ${message(error)}`);
  }
}

interface Sent {
  queued: string;
  mailbox: number;
  uid: number;
  messageId: string;
}

/** Send now, or at a time. Shown as sent at once; on a failure the letter comes back. */
export async function send(letter: Letter, until = 0): Promise<void> {
  letter.isSending.value = true;
  await letter.stop();
  const hold = settings.value.undoSeconds;
  try {
    const sent = await live.call<Sent>("send", { letter: letter.json(), ...(until ? { until } : { hold }) });
    letters.value = letters.value.filter((each) => each !== letter);
    if (until) void load();
    const text = until ? `Will be sent ${full(until)}` : "Sent";
    done(text, hold || until ? () => void unsend(letter, sent) : undefined, until ? 10_000 : Math.max(hold - 1, 1) * 1000);
  } catch (error) {
    letter.resume();
    if (error instanceof CallFailed && error.code === "conflict") {
      letter.saving.value = "conflict";
      wrong(`Not sent from here: ${message(error)}.`);
    } else {
      letter.problem.value = `Not sent. ${message(error)}`;
      letter.changed();
      wrong(`${letter.problem.value} It is still here and in Drafts.`);
    }
  }
  letter.isSending.value = false;
}

async function unsend(letter: Letter, sent: Sent): Promise<void> {
  try {
    const back = await live.call<{ mailbox: number; uid: number }>("unsend", { queued: sent.queued, mailbox: sent.mailbox, uid: sent.uid });
    letter.draft = back;
    letter.messageId = sent.messageId;
    letter.resume();
    letter.saving.value = "saved";
    await edit(`${back.mailbox}.${back.uid}`);
    done("Sending was taken back");
    void load();
  } catch (error) {
    wrong(`Too late: ${message(error)}`);
  }
}

// A page that is left with something unsaved asks first.
effect(() => {
  const isUnsaved = letters.value.some((letter) => ["changed", "saving", "failed"].includes(letter.saving.value));
  window.onbeforeunload = isUnsaved
    ? (event: BeforeUnloadEvent) => {
        for (const letter of letters.value) if (letter.isUnsaved) void letter.save();
        event.preventDefault();
      }
    : null;
});

