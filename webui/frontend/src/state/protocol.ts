// What the server and the page say to each other; webui/mail/protocol.py describes it.

export type Person = [name: string, address: string];

export interface Row {
  id: string;
  thread: string;
  people: [name: string, address: string, seen: boolean][];
  to: Person;
  subject: string;
  preview: string;
  date: number;
  flags: string[];
  size: number;
  files: number;
  count: number;
  unread: number;
}

export interface Mailbox {
  id: number;
  name: string;
  role: "" | "inbox" | "archive" | "drafts" | "junk" | "sent" | "trash";
  total: number;
  unread: number;
  size: number;
}

export interface Identity {
  address: string;
  name: string;
  signature: string;
}

export interface AttachedFile {
  path: string;
  name: string;
  type: string;
  size: number;
  kind: string;
}

/** A picture that the HTML of a message shows. */
export interface Picture {
  path: string;
  cid: string;
  name: string;
  type: string;
  size: number;
}

export interface Security {
  ip: string;
  hello: string;
  mailFrom: string;
  recipient: string;
  helloResult: string;
  mailFromResult: string;
  fromResult: string;
  dkim: string[];
  tls: string;
  cipher: string;
  requireTls: boolean;
  isList: boolean;
  isForward: boolean;
  reason: string;
}

export interface Message extends Row {
  email: string;
  sent: number | null;
  dateWritten: number | null;
  from: Person[];
  replyTo: Person[];
  recipients: Person[];
  cc: Person[];
  bcc: Person[];
  messageId: string;
  references: string[];
  list: { id: string; post: string; unsubscribe: string };
  texts: string[];
  cut: boolean;
  html: boolean;
  attachments: AttachedFile[];
  pictures: Picture[];
  signed: boolean;
  encrypted: boolean;
  security: Security | Record<string, never>;
}

export type Op = ["-", number] | ["+" | "=", number, Row | null];

export type FromServer =
  | {
      t: "welcome";
      at: number;
      login: string;
      mailboxes: Mailbox[];
      keywords: string[];
      settings: Record<string, unknown>;
      identities: Identity[];
      maxSize: number;
      looking?: { view: number; mailbox: number; threads: boolean } | null;
    }
  | { t: "list"; view: number; total: number; start: number; rows: (Row | null)[]; anew?: boolean }
  | { t: "ops"; view: number; total: number; ops: Op[] }
  | {
      t: "found";
      view: number;
      total: number;
      complete: boolean;
      scanned: number;
      of: number;
      words: string[];
      problems: string[];
    }
  | { t: "lost"; view: number; message: string }
  | { t: "mailboxes"; changed: Mailbox[]; gone: number[] }
  | { t: "keywords"; names: string[] }
  | { t: "settings"; values: Record<string, unknown> }
  | { t: "identities"; identities: Identity[] }
  | { t: "result"; id: number; value: unknown }
  | { t: "error"; id: number; code: string; message: string }
  | { t: "at"; at: number }
  | { t: "bye"; reason: string }
  | { t: "pong" };

/** Where a row's message is. */
export function place(id: string): { mailbox: number; uid: number } {
  const [mailbox = "0", uid = "0"] = id.split(".");
  return { mailbox: Number(mailbox), uid: Number(uid) };
}

export const SEEN = "\\Seen";
export const FLAGGED = "\\Flagged";
export const ANSWERED = "\\Answered";
export const DRAFT = "\\Draft";
export const FORWARDED = "$Forwarded";
export const JUNK = "$Junk";
export const NOT_JUNK = "$NotJunk";
