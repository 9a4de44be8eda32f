// Who is logged in, and who tried to be.

import { useSignal } from "@preact/signals";
import { live } from "../state/store";
import { done } from "../state/toasts";
import { count, full, long, many } from "../text/dates";
import { Nothing, Sure, useCall } from "./account-parts";

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

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** What a browser is, in two words; its own where they are not known. */
export function browser(agent: string): string {
  const name = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return [name, system].filter(Boolean).join(" on ") || agent.slice(0, 60) || "a browser";
}

function Sessions() {
  const { value: items, again } = useCall(() => live.call<Session[]>("sessions"));
  async function end(args: { id?: string; all?: boolean }) {
    const { ended } = await live.call<{ ended: number }>("sessionEnd", args);
    done(`${many(ended, "session")} ended`);
    await again();
  }
  const isAlone = (items?.length ?? 0) < 2;
  return (
    <section>
      <h3>Where you are logged in</h3>
      <p class="quiet">A session ends a day after it was last used.</p>
      <Nothing of={items} text="Nowhere." />
      <ul class="lines">
        {items?.map((each) => (
          <li key={each.id}>
            <span title={each.agent}>
              <b>{browser(each.agent)}</b> <span class="quiet">from {each.ip}</span> {each.isThis && <span class="badge good">this one</span>}
              <br />
              <small class="quiet">
                {each.login}, used {long(each.lastUsed)}, since {long(each.created)}
              </small>
            </span>
            {!each.isThis && <Sure label="Log out" sure="End it" about={`${browser(each.agent)} from ${each.ip}`} run={() => end({ id: each.id })} />}
          </li>
        ))}
      </ul>
      <div class="buttons left">
        {!isAlone && <Sure label="Log out everywhere else" sure="End all others" about="sessions" run={() => end({})} />}
        <Sure label="Log out everywhere" sure="End all, this one too" about="sessions" run={() => end({ all: true }).catch(() => undefined)} />
      </div>
    </section>
  );
}

interface Attempt {
  login: string;
  ip: string;
  tls: string;
  protocol: string;
  mechanism: string;
  result: string;
  agent: string;
  first: number;
  last: number;
  times: number;
}

const RESULTS: Record<string, string> = {
  ok: "ok",
  "bad-credentials": "wrong password",
  "wrong-code": "wrong code",
  "needs-app-password": "needs an app password",
  disabled: "switched off",
  aborted: "broken off",
  error: "not checked",
};

const COLUMNS: [key: keyof Attempt, label: string][] = [
  ["last", "Last"],
  ["times", "Times"],
  ["protocol", "By"],
  ["ip", "From"],
  ["login", "As"],
  ["result", "Result"],
  ["agent", "Client"],
  ["tls", "TLS"],
];

/** In the order of a column; equal ones keep theirs. */
export function sorted(items: Attempt[], key: keyof Attempt, isDown: boolean): Attempt[] {
  const compare = (a: Attempt, b: Attempt) => {
    const [left, right] = [a[key], b[key]];
    return typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right));
  };
  return [...items].sort((a, b) => (isDown ? compare(b, a) : compare(a, b)));
}

function Attempts() {
  const { value: all } = useCall(() => live.call<Attempt[]>("attempts"));
  const isFailed = useSignal(false);
  const order = useSignal<{ key: keyof Attempt; isDown: boolean }>({ key: "last", isDown: true });
  const chosen = all?.filter(({ result }) => !isFailed.value || result !== "ok");
  const items = chosen && sorted(chosen, order.value.key, order.value.isDown);
  const by = (key: keyof Attempt) => {
    const isDown = order.value.key === key ? !order.value.isDown : key === "last" || key === "times";
    order.value = { key, isDown };
  };
  return (
    <section>
      <h3>Attempts to log in</h3>
      <p class="quiet">Those of the last 30 days, by every protocol; what is alike is one row.</p>
      <label class="inline">
        <input type="checkbox" checked={isFailed.value} onChange={(event) => (isFailed.value = event.currentTarget.checked)} /> Only those that failed
      </label>
      <Nothing of={items} text={isFailed.value ? "None failed." : "None yet; they are written down within seconds."} />
      {items && items.length > 0 && (
        <div class="table" tabIndex={0} role="region" aria-label="Attempts to log in">
          <table>
            <thead>
              <tr>
                {COLUMNS.map(([key, label]) => (
                  <th scope="col" key={key} class={key === "times" ? "number" : ""} aria-sort={order.value.key !== key ? "none" : order.value.isDown ? "descending" : "ascending"}>
                    <button type="button" onClick={() => by(key)}>
                      {label}
                      <span aria-hidden="true">{order.value.key !== key ? "" : order.value.isDown ? " ↓" : " ↑"}</span>
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((each) => (
                <tr key={`${each.protocol} ${each.ip} ${each.result} ${each.mechanism} ${each.login} ${each.agent} ${each.tls} ${each.first}`}>
                  <td title={full(each.last)}>{long(each.last)}</td>
                  <td class="number">{count(each.times)}</td>
                  <td title={each.mechanism}>{each.protocol}</td>
                  <td>{each.ip}</td>
                  <td class="cut">{each.login}</td>
                  <td class={each.result === "ok" ? "" : "bad"}>{RESULTS[each.result] ?? each.result}</td>
                  <td class="cut" title={each.agent}>
                    {each.agent ? browser(each.agent) : ""}
                  </td>
                  <td title={each.tls}>{each.tls.split(" ")[0] ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

export function SessionPages() {
  return (
    <>
      <Sessions />
      <Attempts />
    </>
  );
}
