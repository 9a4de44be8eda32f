// One message that is being written. It is saved a moment after the last change, with what is attached, so that a page that goes away
// loses next to nothing.

import { computed, signal } from "@preact/signals";
import type { AttachedFile, Person, Picture } from "./protocol";
import { CallFailed } from "./live";
import { identities, live } from "./store";
import { message } from "./toasts";
import { uploadFile } from "./uploads";

export type Saving = "new" | "changed" | "saving" | "saved" | "failed" | "conflict";

export interface Attached {
  key: number;
  name: string;
  size: number;
  type: string;
  /** From 0 to 1 while it comes; 1 when it is there. */
  progress: number;
  problem?: string;
  piece?: Piece;
  /** Of a picture that the text shows. */
  cid?: string;
  /** Where the page shows it from. */
  url?: string;
  cancel?: () => void;
}

export interface Piece {
  upload?: string;
  mailbox?: number;
  uid?: number;
  path?: string;
  name?: string;
  cid?: string;
}

export interface Body {
  text: string;
  html: string;
}

export interface Start {
  sender?: Person;
  to?: Person[];
  cc?: Person[];
  bcc?: Person[];
  subject?: string;
  body?: Body;
  quote?: Body;
  inReplyTo?: string;
  references?: string[];
  reply?: { mailbox: number; uid: number; forward: boolean };
  draft?: { mailbox: number; uid: number };
  messageId?: string;
  files?: Attached[];
  rich?: boolean;
}

interface SavedDraft {
  mailbox: number;
  uid: number;
  messageId: string;
  attachments: AttachedFile[];
  pictures: Picture[];
}

const PAUSE = 2000;
const RETRY = 8000;
let number = 0;

export class Letter {
  readonly id = ++number;
  readonly sender = signal<Person>(["", ""]);
  readonly to = signal<Person[]>([]);
  readonly cc = signal<Person[]>([]);
  readonly bcc = signal<Person[]>([]);
  readonly subject = signal("");
  readonly files = signal<Attached[]>([]);
  readonly saving = signal<Saving>("new");
  readonly problem = signal("");
  readonly place = signal<"open" | "small" | "large">("open");
  readonly rich = signal(true);
  readonly isSending = signal(false);
  readonly title = computed(() => this.subject.value.trim() || "New message");
  readonly start: Start;
  /** Gives what is written; set by the editor. */
  body: () => Body;
  /** Shows a picture where the cursor is; null while the text is plain. */
  insertPicture: ((cid: string, alt: string) => void) | null = null;
  draft: { mailbox: number; uid: number } | null;
  messageId: string;
  private timer = 0;
  private busy: Promise<void> = Promise.resolve();
  private isGone = false;

  constructor(start: Start) {
    this.start = start;
    const first = identities.value[0];
    this.sender.value = start.sender ?? [first?.name ?? "", first?.address ?? ""];
    this.to.value = start.to ?? [];
    this.cc.value = start.cc ?? [];
    this.bcc.value = start.bcc ?? [];
    this.subject.value = start.subject ?? "";
    this.files.value = start.files ?? [];
    this.rich.value = start.rich ?? true;
    this.draft = start.draft ?? null;
    this.messageId = start.messageId ?? "";
    this.body = () => start.body ?? { text: "", html: "" };
    if (this.draft) this.saving.value = "saved";
  }

  /** Something was changed: save it when nothing changes for a moment. */
  changed(): void {
    if (this.isGone) return;
    this.saving.value = "changed";
    clearTimeout(this.timer);
    // Large attachments are written anew with each version.
    const weight = this.files.value.reduce((sum, file) => sum + file.size, 0);
    this.timer = window.setTimeout(() => void this.save(), PAUSE + Math.min(20_000, weight / 5000));
  }

  get isUnsaved(): boolean {
    return this.saving.value === "changed" || this.saving.value === "saving" || this.saving.value === "failed";
  }

  get isEmpty(): boolean {
    const { text } = this.body();
    const bare = text.replace(this.start.body?.text ?? "", "").trim();
    return !bare && !this.subject.value && !this.files.value.length && !this.to.value.length && !this.draft;
  }

  json(): object {
    const { text, html } = this.body();
    const { start } = this;
    return {
      sender: this.sender.value,
      to: this.to.value,
      cc: this.cc.value,
      bcc: this.bcc.value,
      subject: this.subject.value,
      text,
      html,
      files: this.sent(html).map(({ piece, name, cid }) => ({ ...piece, name, ...(cid && html ? { cid } : {}) })),
      message_id: this.messageId,
      in_reply_to: start.inReplyTo ?? "",
      references: start.references ?? [],
      reply: start.reply ?? null,
      draft: this.draft,
    };
  }

  /** The files that go with the text: of pictures those that it shows. */
  private sent(html: string): Attached[] {
    return this.files.value.filter(({ piece, cid }) => piece && (!cid || !html || html.includes(`cid:${cid}`)));
  }

  /** Save now; one version after the other. */
  save(): Promise<void> {
    clearTimeout(this.timer);
    this.busy = this.busy.then(() => this.write());
    return this.busy;
  }

  private async write(): Promise<void> {
    if (this.isGone || this.saving.value === "conflict") return;
    this.saving.value = "saving";
    const { html } = this.body();
    const sent = this.sent(html);
    const files = sent.filter(({ cid }) => !cid || !html);
    try {
      const saved = await live.call<SavedDraft>("draftSave", { letter: this.json() });
      this.draft = { mailbox: saved.mailbox, uid: saved.uid };
      this.messageId = saved.messageId;
      this.files.value = this.files.value.map((file) => this.settled(file, files.indexOf(file), saved));
      this.problem.value = "";
      // What was typed meanwhile has asked for the next version already.
      if ((this.saving.value as Saving) === "saving") this.saving.value = "saved";
    } catch (error) {
      const isConflict = error instanceof CallFailed && error.code === "conflict";
      this.saving.value = isConflict ? "conflict" : "failed";
      this.problem.value = message(error);
      if (!isConflict) this.timer = window.setTimeout(() => void this.save(), RETRY);
    }
  }

  /** An attachment is part of the draft now. */
  private settled(file: Attached, at: number, saved: SavedDraft): Attached {
    const part = at < 0 ? saved.pictures.find(({ cid }) => cid === file.cid) : saved.attachments[at];
    if (!part) return file;
    return { ...file, piece: { mailbox: saved.mailbox, uid: saved.uid, path: part.path } };
  }

  attach(chosen: Iterable<File>): void {
    for (const file of chosen) this.take(file, {});
  }

  private take(file: File, more: Pick<Attached, "cid" | "url">): void {
    const key = ++number;
    const { done, cancel } = uploadFile(file, (progress) => this.update(key, { progress }));
    const type = file.type || "application/octet-stream";
    this.files.value = [...this.files.value, { key, name: file.name || "picture.png", size: file.size, type, progress: 0, cancel, ...more }];
    done
      .then(({ upload }) => {
        this.update(key, { progress: 1, piece: { upload } });
        this.changed();
      })
      .catch((error: unknown) => this.update(key, { problem: message(error) }));
  }

  /** Take a picture and show it in the text. */
  show(file: File): void {
    if (!this.insertPicture) {
      this.attach([file]);
      return;
    }
    // randomUUID is for pages with TLS alone.
    const random = [...crypto.getRandomValues(new Uint8Array(16))].map((octet) => octet.toString(16).padStart(2, "0"));
    const cid = `${random.join("")}@inline`;
    this.take(file, { cid, url: URL.createObjectURL(file) });
    this.insertPicture(cid, file.name);
  }

  /** Where the page gets a picture of the text. */
  picture(cid: string): string {
    return this.files.value.find((file) => file.cid === cid)?.url ?? "";
  }

  private update(key: number, change: Partial<Attached>): void {
    this.files.value = this.files.value.map((file) => (file.key === key ? { ...file, ...change } : file));
  }

  detach(key: number): void {
    this.files.value.find((file) => file.key === key)?.cancel?.();
    this.files.value = this.files.value.filter((file) => file.key !== key);
    this.changed();
  }

  get isUploading(): boolean {
    return this.files.value.some(({ piece, problem }) => !piece && !problem);
  }

  /** Nothing more is saved. */
  stop(): Promise<void> {
    clearTimeout(this.timer);
    this.isGone = true;
    return this.busy;
  }

  resume(): void {
    this.isGone = false;
  }
}
