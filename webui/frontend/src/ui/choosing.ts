// Choosing a mailbox or a label for messages, and offering a rule for what comes later.

import { asTargets, flag, move } from "../state/actions";
import type { Row } from "../state/protocol";
import { keywords, live } from "../state/store";
import { done, message, wrong } from "../state/toasts";
import { ask, pick } from "./asking";
import { pickMailbox } from "./mailbox-actions";

export async function chooseMailbox(chosen: Row[]): Promise<void> {
  if (!chosen.length) return;
  const targets = asTargets(chosen);
  const to = await pickMailbox("Move to…");
  if (to) await move(targets, { to, verb: `Moved to ${to.name}:` });
}

/** Labels that messages can have: words without spaces. */
export function asKeyword(text: string): string {
  return text.trim().replace(/[\s(){%*"\\\]]+/g, "-").replace(/[^\x21-\x7e]/g, "").slice(0, 60);
}

export async function chooseKeyword(chosen: Row[]): Promise<void> {
  if (!chosen.length) return;
  const choices = keywords.value.map((name) => {
    const all = chosen.every(({ flags }) => flags.includes(name));
    return { id: name, label: name, ...(all ? { note: "remove" } : {}) };
  });
  const answer = await pick("Label…", choices, "New label");
  if (answer === null) return;
  const name = asKeyword(answer.startsWith("+") ? answer.slice(1) : answer);
  if (!name) {
    wrong("A label is letters and digits without spaces.");
    return;
  }
  const all = chosen.every(({ flags }) => flags.includes(name));
  await flag(asTargets(chosen), all ? [] : [name], all ? [name] : [], all ? `Label ${name} removed:` : `Labelled ${name}:`);
}

/** "Always put mail like this into ..." */
export async function makeRule(about: { from: string; listId: string }): Promise<void> {
  const to = await pickMailbox("Always put mail like this into…");
  if (!to) return;
  const whom = about.listId ? `the list ${about.listId}` : about.from;
  const title = `Put mail from ${whom} into ${to.name}?`;
  const text = "New mail goes there from now on. What is here stays where it is. Rules are in the settings.";
  if ((await ask({ title, text, yes: "Make the rule" })) === null) return;
  try {
    const given = about.listId ? { listId: about.listId } : { from: about.from };
    await live.call("ruleAdd", { mailbox: to.id, ...given });
    done(`Mail from ${whom} goes into ${to.name} from now on`);
  } catch (error) {
    wrong(`No rule was made: ${message(error)}`);
  }
}

