// What can be done with mailboxes, and choosing one.

import { readAll } from "../state/actions";
import type { Mailbox } from "../state/protocol";
import { live, lookAt, mailboxes } from "../state/store";
import { done, message, wrong } from "../state/toasts";
import { many } from "../text/dates";
import { type MenuItem, ask, pick } from "./asking";

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    wrong(message(error));
  }
}

export async function createMailbox(parent = ""): Promise<number | null> {
  const name = await ask({ title: parent ? `New mailbox in ${parent}` : "New mailbox", value: "", yes: "Create" });
  if (!name) return null;
  let id: number | null = null;
  await attempt(async () => {
    id = (await live.call<{ id: number }>("mailboxCreate", { name: parent ? `${parent}/${name}` : name })).id;
    done(`Created ${name}`);
  });
  return id;
}

async function rename({ id, name }: Mailbox): Promise<void> {
  const next = await ask({ title: `Rename ${name}`, text: "A “/” makes it a mailbox within another.", value: name, yes: "Rename" });
  if (next && next !== name) {
    await attempt(async () => {
      await live.call("mailboxRename", { mailbox: id, name: next });
      const back = () => attempt(async () => { await live.call("mailboxRename", { mailbox: id, name }); });
      done(`Renamed ${name} to ${next}`, () => void back());
    });
  }
}

async function empty({ id, name, total }: Mailbox): Promise<void> {
  const text = `${many(total, "message")} will be deleted for good.`;
  const answer = await ask({ title: `Empty ${name}?`, text, repeat: name, yes: "Delete all", danger: true });
  if (answer === null) return;
  await attempt(async () => {
    await live.call("mailboxEmpty", { mailbox: id, name });
    done(`Emptied ${name}`);
  });
}

async function remove({ id, name, total }: Mailbox): Promise<void> {
  const text = total ? `${many(total, "message")} in it will be deleted for good.` : "It is empty.";
  const sure = total ? { repeat: name } : {};
  const answer = await ask({ title: `Delete ${name}?`, text, ...sure, yes: "Delete", danger: true });
  if (answer === null) return;
  await attempt(async () => {
    await live.call("mailboxDelete", { mailbox: id, name });
    done(`Deleted ${name}`);
  });
}

async function assign({ id, name }: Mailbox): Promise<void> {
  const roles = ["Archive", "Drafts", "Junk", "Sent", "Trash"].map((label) => ({ id: label.toLowerCase(), label }));
  const role = await pick(`Use ${name} for`, [...roles, { id: "-", label: "Nothing special" }]);
  if (!role) return;
  await attempt(async () => {
    await live.call("mailboxRole", { mailbox: id, role: role === "-" ? "" : role });
  });
}

export function mailboxMenu(mailbox: Mailbox): MenuItem[] {
  const { id, name, role, total, unread } = mailbox;
  const isInbox = role === "inbox";
  return [
    { label: "Mark all as read", icon: "check", disabled: unread === 0, run: () => void readAll(id) },
    { label: "Search in it", icon: "search", run: () => lookAt({ kind: "search", query: `mailbox:"${name}" ` }) },
    { label: "New mailbox within", icon: "folder", run: () => void createMailbox(name) },
    { label: "Rename or move…", icon: "drafts", disabled: isInbox, run: () => void rename(mailbox) },
    { label: "Use for…", icon: "settings", disabled: isInbox, run: () => void assign(mailbox) },
    { label: "Empty…", icon: "trash", danger: true, disabled: total === 0, run: () => void empty(mailbox) },
    { label: "Delete…", icon: "close", danger: true, disabled: isInbox, run: () => void remove(mailbox) },
  ];
}

/** Choose a mailbox by typing; one that is not there is made. */
export async function pickMailbox(title: string): Promise<Mailbox | null> {
  const choices = mailboxes.value.map(({ id, name }) => ({ id: String(id), label: name }));
  const answer = await pick(title, choices, "Create");
  if (answer === null) return null;
  if (!answer.startsWith("+")) return mailboxes.value.find(({ id }) => String(id) === answer) ?? null;
  const name = answer.slice(1);
  try {
    const { id } = await live.call<{ id: number }>("mailboxCreate", { name });
    return { id, name, role: "", total: 0, unread: 0, size: 0 };
  } catch (error) {
    wrong(message(error));
    return null;
  }
}
