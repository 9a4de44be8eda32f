// The account: its password, passwords of programs, sessions, attempts to log in.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { live } from "../state/store";
import { done, message, wrong } from "../state/toasts";
import { count, full, long } from "../text/dates";

interface Credential {
  id: number;
  kind: string;
  name: string;
  opens: string[];
  created: number;
  lastUsed: number | null;
  expires: number | null;
}

interface Session {
  id: string;
  kind: string;
  login: string;
  ip: string;
  agent: string;
  created: number;
  lastUsed: number;
  isThis: boolean;
}

interface Attempt {
  login: string;
  ip: string;
  tls: string;
  protocol: string;
  mechanism: string;
  result: string;
  first: number;
  last: number;
  times: number;
}

interface Listed<T> {
  items: T[] | null;
  again: () => Promise<void>;
}

/** What a call lists, and how to list it again. */
function useListed<T>(name: string): Listed<T> {
  const items = useSignal<T[] | null>(null);
  const again = async () => {
    try {
      const found: T[] = await live.call<T[]>(name);
      items.value = found;
    } catch (error) {
      wrong(message(error));
    }
  };
  useEffect(() => void again(), []);
  return { items: items.value, again };
}

function value(form: HTMLFormElement, name: string): string {
  const given = new FormData(form).get(name);
  return typeof given === "string" ? given : "";
}

function Password() {
  const problem = useSignal("");
  async function save(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    if (value(form, "new") !== value(form, "again")) {
      problem.value = "The two new passwords differ.";
      return;
    }
    try {
      await live.call("passwordSet", { password: value(form, "password"), new: value(form, "new") });
      problem.value = "";
      form.reset();
      done("The password was changed; all other sessions have ended");
    } catch (error) {
      problem.value = message(error);
    }
  }
  return (
    <section>
      <h3>Password</h3>
      <p class="quiet">At least 8 characters. All other sessions end; programs with passwords of their own go on.</p>
      <form class="plain-form" onSubmit={(event) => void save(event)}>
        <label>
          Present password
          <input type="password" name="password" autocomplete="current-password" required />
        </label>
        <label>
          New password
          <input type="password" name="new" autocomplete="new-password" minLength={8} required />
        </label>
        <label>
          New password again
          <input type="password" name="again" autocomplete="new-password" minLength={8} required />
        </label>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" class="primary">
          Change the password
        </button>
      </form>
    </section>
  );
}

function AppPasswords() {
  const { items, again } = useListed<Credential>("credentials");
  const secret = useSignal("");
  const problem = useSignal("");
  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const opens = new FormData(form).getAll("opens");
    try {
      const made = await live.call<{ secret: string }>("appPasswordAdd", { password: value(form, "password"), name: value(form, "name"), opens });
      secret.value = made.secret;
      problem.value = "";
      form.reset();
      await again();
    } catch (error) {
      problem.value = message(error);
    }
  }
  async function remove({ id, name }: Credential) {
    try {
      await live.call("credentialRemove", { id });
      done(`The password of ${name} opens nothing any more`);
    } catch (error) {
      wrong(message(error));
    }
    await again();
  }
  const shown = (items ?? []).filter(({ kind }) => kind !== "main");
  return (
    <section>
      <h3>Passwords of programs</h3>
      <p class="quiet">One for each program or device, so that a lost one can be shut out by itself.</p>
      {secret.value && (
        <div role="status">
          <p>The new password. It is shown this once:</p>
          <p class="secret">{secret.value}</p>
        </div>
      )}
      <ul class="lines">
        {shown.map((each) => (
          <li key={each.id}>
            <span>
              <b>{each.name}</b> <small class="quiet">{each.opens.join(", ") || each.kind}</small>
              <br />
              <small class="quiet">
                made {long(each.created)}
                {each.lastUsed ? `, used ${long(each.lastUsed)}` : ", never used"}
                {each.expires ? `, ends ${full(each.expires)}` : ""}
              </small>
            </span>
            <button type="button" onClick={() => void remove(each)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
      {items && !shown.length && <p class="quiet">There are none.</p>}
      <form class="plain-form" onSubmit={(event) => void add(event)}>
        <label>
          Name
          <input name="name" maxLength={100} required placeholder="Phone" autocomplete="off" />
        </label>
        <div role="group" aria-label="What it opens">
          {["imap", "submission", "webapi"].map((name) => (
            <label class="inline" key={name}>
              <input type="checkbox" name="opens" value={name} defaultChecked={name !== "webapi"} /> {name}
            </label>
          ))}
        </div>
        <label>
          Your password
          <input type="password" name="password" autocomplete="current-password" required />
        </label>
        <p class="problem" role="alert">
          {problem.value}
        </p>
        <button type="submit" class="primary">
          Make a password
        </button>
      </form>
    </section>
  );
}

function Sessions() {
  const { items, again } = useListed<Session>("sessions");
  async function end(id?: string) {
    try {
      const { ended } = await live.call<{ ended: number }>("sessionEnd", id ? { id } : {});
      done(`${count(ended)} ended`);
    } catch (error) {
      wrong(message(error));
    }
    await again();
  }
  return (
    <section>
      <h3>Where you are logged in</h3>
      <ul class="lines">
        {(items ?? []).map((each) => (
          <li key={each.id}>
            <span>
              {each.ip} {each.isThis && <b>this one</b>}
              <br />
              <small class="quiet">
                {each.kind}, used {long(each.lastUsed)}, since {long(each.created)}. {each.agent.slice(0, 100)}
              </small>
            </span>
            {!each.isThis && (
              <button type="button" onClick={() => void end(each.id)}>
                Log out
              </button>
            )}
          </li>
        ))}
      </ul>
      {(items?.length ?? 0) > 1 && (
        <div>
          <button type="button" onClick={() => void end()}>
            Log out everywhere else
          </button>
        </div>
      )}
    </section>
  );
}

function Attempts() {
  const { items } = useListed<Attempt>("attempts");
  return (
    <section>
      <h3>Attempts to log in</h3>
      {items && !items.length && <p class="quiet">None yet; they are written down within seconds.</p>}
      {items && items.length > 0 && (
        <div class="table" tabIndex={0} role="region" aria-label="Attempts to log in">
          <table>
            <thead>
              <tr>
                <th>Last</th>
                <th>Times</th>
                <th>By</th>
                <th>From</th>
                <th>Result</th>
              </tr>
            </thead>
            <tbody>
              {items.map((each) => (
                <tr key={`${each.protocol} ${each.ip} ${each.result} ${each.mechanism} ${each.first}`}>
                  <td title={full(each.last)}>{long(each.last)}</td>
                  <td>{count(each.times)}</td>
                  <td>{each.protocol}</td>
                  <td>{each.ip}</td>
                  <td class={each.result === "ok" ? "" : "bad"}>{each.result}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

export function AccountSections() {
  return (
    <>
      <Password />
      <AppPasswords />
      <Sessions />
      <Attempts />
    </>
  );
}
