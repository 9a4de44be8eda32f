// What programs and devices log in with: passwords of their own, and certificates.

import { useSignal } from "@preact/signals";
import { identities, live } from "../state/store";
import { done } from "../state/toasts";
import { full, long, short } from "../text/dates";
import { EndsField, ends, Form, type Fields, Nothing, PasswordField, Secret, Sure, useCall } from "./account-parts";

interface Credential {
  id: number;
  kind: string;
  name: string;
  opens: string[];
  created: number;
  lastUsed: number | null;
  expires: number | null;
}

export const OPENS: Record<string, string> = { imap: "reading by IMAP", submission: "sending by SMTP", webapi: "the HTTP API" };

function used({ created, lastUsed }: { created: number; lastUsed: number | null }): string {
  return `made ${long(created)}, ${lastUsed ? `used ${long(lastUsed)}` : "never used"}`;
}

function AppPasswords() {
  const { value: all, again } = useCall(() => live.call<Credential[]>("credentials"));
  const secret = useSignal("");
  const items = all?.filter(({ kind }) => kind === "app");
  async function add(fields: Fields) {
    const opens = fields.all("opens");
    if (!opens.length) throw new Error("Choose at least one thing that it opens.");
    const made = await live.call<{ secret: string }>("appPasswordAdd", {
      password: fields.text("password"),
      name: fields.text("name"),
      opens,
      expires: ends(fields),
    });
    secret.value = made.secret;
    await again();
  }
  async function remove({ id, name }: Credential) {
    await live.call("credentialRemove", { id });
    done(`The password of ${name} opens nothing any more`);
    await again();
  }
  const isOver = ({ expires }: Credential) => expires !== null && expires < Date.now();
  return (
    <section>
      <h3>Passwords of programs</h3>
      <p class="quiet">One for each program or device, so that a lost one can be shut out by itself. They open what you say, never these pages.</p>
      {secret.value && <Secret title="The new password." text={secret.value} seen={() => (secret.value = "")} />}
      <Nothing of={items} text="There are none." />
      <ul class="lines">
        {items?.map((each) => (
          <li key={each.id}>
            <span>
              <b>{each.name}</b> <span class="quiet">{each.opens.map((name) => OPENS[name] ?? name).join(", ")}</span>
              <br />
              <small class="quiet">
                {used(each)}
                {each.expires && (isOver(each) ? ", has ended" : `, ends ${short(each.expires)}`)}
              </small>
            </span>
            <Sure label="Remove" sure="Shut it out" about={`the password of ${each.name}`} run={() => remove(each)} />
          </li>
        ))}
      </ul>
      <Form label="New password of a program" button="Make a password" submit={add}>
        <h4>A new one</h4>
        <label>
          Name
          <input name="name" maxLength={100} required placeholder="Phone" autocomplete="off" />
        </label>
        <div role="group" aria-label="What it opens" class="checks">
          {Object.entries(OPENS).map(([name, label]) => (
            <label class="inline" key={name}>
              <input type="checkbox" name="opens" value={name} defaultChecked={name !== "webapi"} /> {label}
            </label>
          ))}
        </div>
        <EndsField />
        <PasswordField />
      </Form>
    </section>
  );
}

interface Certificate {
  id: number;
  name: string;
  address: string;
  kind: string;
  fingerprint: string;
  asks: boolean;
  created: number;
  lastUsed: number | null;
}

function Certificates() {
  const { value: items, again } = useCall(() => live.call<Certificate[]>("tlsKeys"));
  const edited = useSignal(0);
  async function add(fields: Fields) {
    await live.call("tlsKeyAdd", {
      password: fields.text("password"),
      name: fields.text("name"),
      address: fields.text("address"),
      pem: fields.text("pem"),
      asks: fields.has("asks"),
    });
    done("Who has its key can log in now");
    await again();
  }
  async function change(id: number, fields: Fields) {
    await live.call("tlsKeyChange", { id, name: fields.text("name"), asks: fields.has("asks") });
    edited.value = 0;
    await again();
  }
  async function remove({ id, name }: Certificate) {
    await live.call("credentialRemove", { id });
    done(`${name} opens nothing any more`);
    await again();
  }
  return (
    <section>
      <h3>TLS client keys</h3>
      <p class="quiet">
        Programs that show a certificate log in to IMAP and SMTP without a password (SASL EXTERNAL). It may be signed by itself; what counts is its key.
      </p>
      <Nothing of={items} text="There are none." />
      <ul class="lines">
        {items?.map((each) =>
          edited.value === each.id ? (
            <li key={each.id}>
              <Form label={`Change ${each.name}`} button="Save" submit={(fields) => change(each.id, fields)} cancel={() => (edited.value = 0)} keeps>
                <label>
                  Name
                  <input name="name" maxLength={100} required defaultValue={each.name} autocomplete="off" />
                </label>
                <Asks isSet={each.asks} />
              </Form>
            </li>
          ) : (
            <li key={each.id}>
              <span>
                <b>{each.name}</b> <span class="quiet">{each.kind}, logs in as {each.address}</span>
                <br />
                <small class="quiet">
                  {used(each)}
                  {each.asks ? ", IMAP waits for the login" : ""}
                </small>
                <br />
                <small class="quiet mono" title={full(each.created)}>
                  SHA-256 {each.fingerprint.slice(0, 32)}…
                </small>
              </span>
              <span class="sure">
                <button type="button" aria-label={`Change ${each.name}`} onClick={() => (edited.value = each.id)}>
                  Change
                </button>
                <Sure label="Remove" sure="Shut it out" about={each.name} run={() => remove(each)} />
              </span>
            </li>
          ),
        )}
      </ul>
      <details>
        <summary>Add a certificate</summary>
        <Form label="New certificate" button="Add the certificate" submit={add}>
          <label>
            Certificate
            <textarea name="pem" rows={5} required spellcheck={false} class="mono" placeholder="-----BEGIN CERTIFICATE-----" />
          </label>
          <label>
            Name
            <input name="name" maxLength={100} placeholder="Laptop" autocomplete="off" />
          </label>
          <label>
            Logs in as
            <select name="address">
              {identities.value.map(({ address }) => (
                <option key={address}>{address}</option>
              ))}
            </select>
          </label>
          <Asks isSet={false} />
          <PasswordField />
        </Form>
      </details>
    </section>
  );
}

function Asks({ isSet }: { isSet: boolean }) {
  return (
    <label class="inline">
      <input type="checkbox" name="asks" defaultChecked={isSet} /> IMAP waits for the login, for programs that cannot begin logged in (no PREAUTH)
    </label>
  );
}

export function Programs() {
  return (
    <>
      <AppPasswords />
      <Certificates />
    </>
  );
}
