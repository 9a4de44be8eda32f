// Addresses that get nothing more from the account.

import { useSignal } from "@preact/signals";
import { done } from "../state/toasts";
import { count, long } from "../text/dates";
import { Form, type Fields, Nothing, Sure, api, useCall } from "./account-parts";

interface Suppression {
  ID: number;
  Created: string;
  BaseAddress: string;
  OriginalAddress: string;
  Manual: boolean;
  Reason: string;
}

const SHOWN = 200;

export function SuppressionPages() {
  const { value, again } = useCall(async () => (await api<{ Suppressions: Suppression[] }>("SuppressionList")).Suppressions);
  const typed = useSignal("");
  const wanted = typed.value.trim().toLowerCase();
  const items = value?.filter((each) => `${each.OriginalAddress} ${each.BaseAddress} ${each.Reason}`.toLowerCase().includes(wanted));
  async function add(fields: Fields) {
    await api("SuppressionAdd", { EmailAddress: fields.text("address").trim(), Manual: true, Reason: fields.text("reason").trim() });
    done("Nothing more is sent to it");
    await again();
  }
  async function remove({ OriginalAddress }: Suppression) {
    await api("SuppressionRemove", { EmailAddress: OriginalAddress });
    done(`Mail to ${OriginalAddress} is sent again`);
    await again();
  }
  return (
    <section>
      <h3>Suppression list</h3>
      <p class="quiet">
        Addresses that get nothing more from you, with what is after + or - and dots left out. They come here by themselves when their server says for good that there is no such
        address, so that your mail keeps its good name.
      </p>
      {(value?.length ?? 0) > 10 && (
        <label class="search">
          <span class="unseen">Look for an address</span>
          <input type="search" placeholder="Look for an address" value={typed.value} onInput={(event) => (typed.value = event.currentTarget.value)} />
        </label>
      )}
      <Nothing of={items} text={wanted ? "None is like this." : "It is empty."} />
      <ul class="lines">
        {items?.slice(0, SHOWN).map((each) => (
          <li key={each.ID}>
            <span>
              <b>{each.OriginalAddress}</b>
              <br />
              <small class="quiet">
                {each.Manual ? "by hand" : "by itself"}, {long(Date.parse(each.Created))}
                {each.Reason ? `: ${each.Reason}` : ""}
              </small>
            </span>
            <Sure label="Remove" sure="Send to it again" about={each.OriginalAddress} run={() => remove(each)} />
          </li>
        ))}
      </ul>
      {items && items.length > SHOWN && <p class="quiet">and {count(items.length - SHOWN)} more; look for one above</p>}
      <Form label="Add an address" button="Send nothing more to it" submit={add}>
        <h4>Add one by hand</h4>
        <label>
          Address
          <input name="address" type="email" required maxLength={400} autocomplete="off" />
        </label>
        <label>
          Why
          <input name="reason" maxLength={500} autocomplete="off" placeholder="asked for it" />
        </label>
      </Form>
    </section>
  );
}
