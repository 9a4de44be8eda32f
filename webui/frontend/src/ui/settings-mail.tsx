// Names and signatures, rules, what waits to be sent.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Identity } from "../state/protocol";
import { identities, live } from "../state/store";
import { done, message, wrong } from "../state/toasts";
import { full } from "../text/dates";

function Identities() {
  const edited = useSignal<Identity[]>(identities.value.map((each) => ({ ...each })));
  async function save(event: Event) {
    event.preventDefault();
    try {
      await live.call("settingsPut", { name: "identities", value: edited.value });
      done("Names and signatures saved");
    } catch (error) {
      wrong(`Not saved: ${message(error)}`);
    }
  }
  const change = (address: string, part: Partial<Identity>) => {
    edited.value = edited.value.map((each) => (each.address === address ? { ...each, ...part } : each));
  };
  return (
    <form onSubmit={(event) => void save(event)}>
      {edited.value.map(({ address, name, signature }) => (
        <div class="identity" key={address}>
          <h4>{address}</h4>
          <label>
            Name
            <input value={name} onInput={(event) => change(address, { name: event.currentTarget.value })} autocomplete="name" />
          </label>
          <label>
            Signature
            <textarea rows={3} value={signature} onInput={(event) => change(address, { signature: event.currentTarget.value })} />
          </label>
        </div>
      ))}
      <button type="submit" class="primary">
        Save names and signatures
      </button>
    </form>
  );
}

interface Rule {
  address: string;
  number: number;
  mailbox: string;
  mailFrom: string;
  from: string;
  domain: string;
  headers: [string, string][];
  comment: string;
}

function Rules() {
  const rules = useSignal<Rule[] | null>(null);
  const load = () =>
    live
      .call<Rule[]>("rules")
      .then((found) => (rules.value = found))
      .catch((error: unknown) => wrong(message(error)));
  useEffect(() => void load(), []);
  async function remove({ address, number, comment }: Rule) {
    try {
      await live.call("ruleRemove", { address, number, comment });
      done("The rule is gone");
    } catch (error) {
      wrong(message(error));
    }
    await load();
  }
  if (!rules.value) return <p class="quiet">Loading…</p>;
  if (!rules.value.length) return <p class="quiet">No rules. Make one from a message: “Always put mail like this…”</p>;
  return (
    <ul class="lines">
      {rules.value.map((rule) => (
        <li key={`${rule.address} ${rule.number}`}>
          <span>
            {rule.comment || [rule.from, rule.mailFrom, rule.domain, ...rule.headers.map((pair) => pair.join(": "))].filter(Boolean).join(", ")} → <b>{rule.mailbox}</b>
            {rule.address && <small> for {rule.address}</small>}
          </span>
          <button type="button" onClick={() => void remove(rule)}>
            Remove
          </button>
        </li>
      ))}
    </ul>
  );
}

interface Planned {
  queued: string;
  at: number;
  recipients: string[];
}

function Scheduled() {
  const planned = useSignal<Planned[]>([]);
  useEffect(() => {
    live
      .call<Planned[]>("scheduled")
      .then((found) => (planned.value = found))
      .catch(() => null);
  }, []);
  if (!planned.value.length) return <p class="quiet">Nothing waits to be sent.</p>;
  return (
    <ul class="lines">
      {planned.value.map(({ queued, at, recipients }) => (
        <li key={queued}>
          <span>
            {full(at)} to {recipients.join(", ")}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function MailSettings() {
  return (
    <>
      <section>
        <h3>Names and signatures</h3>
        <Identities />
      </section>
      <section>
        <h3>Rules</h3>
        <Rules />
      </section>
      <section>
        <h3>Planned to be sent</h3>
        <Scheduled />
      </section>
    </>
  );
}
