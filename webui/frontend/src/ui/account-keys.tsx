// Keys of the HTTP API.

import { useSignal } from "@preact/signals";
import { identities } from "../state/store";
import { done } from "../state/toasts";
import { long, short } from "../text/dates";
import { EndsField, ends, Form, type Fields, Nothing, PasswordField, Secret, Sure, api, useCall } from "./account-parts";

interface Key {
  ID: number;
  Name: string;
  Scopes: string[];
  Addresses: string[];
  Created: string;
  LastUsed: string | null;
  Expires: string | null;
}

const SCOPES: [name: string, label: string][] = [
  ["send", "send mail"],
  ["read", "read messages"],
  ["write", "change, move and delete messages"],
  ["suppressions", "the suppression list"],
  ["templates", "templates"],
  ["webhooks", "webhooks"],
];

export function KeyPages() {
  const { value, again } = useCall(async () => (await api<{ Keys: Key[] }>("KeyList")).Keys);
  const secret = useSignal("");
  async function add(fields: Fields) {
    const scopes = fields.all("scopes");
    if (!scopes.length) throw new Error("Choose at least one thing that it opens.");
    const until = ends(fields);
    const request = {
      Name: fields.text("name"),
      Scopes: scopes.length === SCOPES.length ? [] : scopes,
      Addresses: fields.all("addresses"),
      ...(until ? { Expires: new Date(until).toISOString() } : {}),
    };
    secret.value = (await api<{ Secret: string }>("KeyAdd", request, fields.text("password"))).Secret;
    await again();
  }
  async function remove({ ID, Name }: Key) {
    await api("KeyRemove", { ID });
    done(`The key ${Name} opens nothing any more`);
    await again();
  }
  return (
    <section>
      <h3>Keys of the HTTP API</h3>
      <p class="quiet">
        For programs that send and read mail by HTTP: <code>Authorization: Bearer</code> and the key. No key makes keys. The pages of the API explain what it has.
      </p>
      {secret.value && <Secret title="The new key." text={secret.value} seen={() => (secret.value = "")} />}
      <Nothing of={value} text="There are none." />
      <ul class="lines">
        {value?.map((each) => (
          <li key={each.ID}>
            <span>
              <b>{each.Name}</b> <span class="quiet">{each.Scopes.length ? each.Scopes.join(", ") : "everything"}</span>
              {each.Addresses.length > 0 && (
                <>
                  <br />
                  <small class="quiet">sends as {each.Addresses.join(", ")}</small>
                </>
              )}
              <br />
              <small class="quiet">
                made {long(Date.parse(each.Created))}, {each.LastUsed ? `used ${long(Date.parse(each.LastUsed))}` : "never used"}
                {each.Expires ? `, ${Date.parse(each.Expires) < Date.now() ? "has ended" : `ends ${short(Date.parse(each.Expires))}`}` : ""}
              </small>
            </span>
            <Sure label="Remove" sure="Shut it out" about={`the key ${each.Name}`} run={() => remove(each)} />
          </li>
        ))}
      </ul>
      <Form label="New key" button="Make a key" submit={add}>
        <h4>A new one</h4>
        <label>
          Name
          <input name="name" maxLength={100} required placeholder="Shop" autocomplete="off" />
        </label>
        <div role="group" aria-label="What it opens" class="checks">
          {SCOPES.map(([name, label]) => (
            <label class="inline" key={name}>
              <input type="checkbox" name="scopes" value={name} defaultChecked={name === "send"} /> {label}
            </label>
          ))}
        </div>
        {identities.value.length > 1 && (
          <div role="group" aria-label="Addresses it sends from" class="checks">
            <p class="quiet">Sends from these addresses only; none chosen is all of them.</p>
            {identities.value.map(({ address }) => (
              <label class="inline" key={address}>
                <input type="checkbox" name="addresses" value={address} /> {address}
              </label>
            ))}
          </div>
        )}
        <EndsField />
        <PasswordField />
      </Form>
    </section>
  );
}
