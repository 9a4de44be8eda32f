// The line above the list: its name, and what can be done with what is selected.

import { archive, asTargets, erase, junk, notJunk, toggleFlag, toggleRead, trash } from "../state/actions";
import { JUNK } from "../state/protocol";
import { drawer, mailbox, rows, selected, targets, useSubscribed } from "../state/store";
import { many } from "../text/dates";
import { menu } from "./asking";
import { IconButton } from "./icons";
import { chooseKeyword, chooseMailbox } from "./choosing";
import { exportMenu } from "./exporting";
import { mailboxMenu } from "./mailbox-actions";
import { selectAll } from "./opening";

export function Actions({ title }: { title: string }) {
  useSubscribed();
  const number = selected.value.size;
  const box = mailbox.value;
  if (!number) {
    return (
      <header class="bar">
        <IconButton icon="menu" label="Mailboxes" class="narrow-only" onClick={() => (drawer.value = !drawer.value)} />
        <h1>{title}</h1>
        {box && box.unread > 0 && <span class="quiet">{many(box.unread, "unread", "unread")}</span>}
        <span class="space" />
        {box && (
          <IconButton icon="more" label="Actions for this mailbox" onClick={(event) => menu(event.currentTarget as Element, mailboxMenu(box))} />
        )}
      </header>
    );
  }
  const chosen = targets();
  const isJunk = box?.role === "junk" || chosen.every(({ flags }) => flags.includes(JUNK));
  return (
    <div class="bar selecting" role="toolbar" aria-label="Actions for what is selected">
      <IconButton icon="close" label="Select nothing" keys="Escape" onClick={() => (selected.value = new Set())} />
      <span class="number">{number === rows.length ? `All ${number}` : number}</span>
      <span class="space" />
      <IconButton icon="archive" label="Archive" keys="e" onClick={() => void archive(asTargets(chosen))} />
      {isJunk ? (
        <IconButton icon="inbox" label="Not junk" keys="!" onClick={() => void notJunk(asTargets(chosen))} />
      ) : (
        <IconButton icon="junk" label="Junk" keys="!" onClick={() => void junk(asTargets(chosen))} />
      )}
      <IconButton icon="trash" label="Delete" keys="#" onClick={() => void trash(asTargets(chosen))} />
      <IconButton icon="unread" label="Read or unread" keys="Shift+u" onClick={() => void toggleRead(chosen)} />
      <IconButton icon="move" label="Move to" keys="m" onClick={() => void chooseMailbox(chosen)} />
      <IconButton
        icon="more"
        label="More"
        onClick={(event) =>
          menu(event.currentTarget as Element, [
            { label: "Flag or unflag", icon: "star", keys: "s", run: () => void toggleFlag(chosen) },
            { label: "Label…", icon: "label", keys: "l", run: () => void chooseKeyword(chosen) },
            { label: "Select all", icon: "check", keys: "Ctrl+a", run: selectAll },
            ...exportMenu(chosen),
            { label: "Delete for good", icon: "trash", danger: true, run: () => void erase(asTargets(chosen)) },
          ])
        }
      />
    </div>
  );
}
