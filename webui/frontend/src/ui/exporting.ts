// Messages as files.

import { type Row, place } from "../state/protocol";
import type { MenuItem } from "./asking";

export function download(path: string, name = ""): void {
  const link = document.createElement("a");
  link.href = path;
  link.download = name;
  link.rel = "noopener";
  document.body.append(link);
  link.click();
  link.remove();
}

function save(chosen: Row[], format: "eml" | "mbox" | "maildir"): void {
  const byMailbox = new Map<number, number[]>();
  for (const { id } of chosen) {
    const { mailbox, uid } = place(id);
    byMailbox.set(mailbox, [...(byMailbox.get(mailbox) ?? []), uid]);
  }
  for (const [mailbox, uids] of byMailbox) download(`export?mailbox=${mailbox}&uids=${uids.join(",")}&format=${format}`);
}

export function exportMenu(chosen: Row[]): MenuItem[] {
  return [
    { label: "Save as .eml files", icon: "download", run: () => save(chosen, "eml") },
    { label: "Save as mbox", icon: "download", run: () => save(chosen, "mbox") },
    { label: "Save as maildir", icon: "download", run: () => save(chosen, "maildir") },
  ];
}
