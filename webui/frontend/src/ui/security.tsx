// The thin line that says how a message came here, and the whole story behind it.

import type { Message, Security } from "../state/protocol";
import { page } from "./asking";
import { lazy } from "./lazy";
import { Icon, type IconName } from "./icons";

const Trace = lazy(() => import("./trace").then((module) => module.Trace));

/** Every step of a message, as far as the server remembers it. */
export function openTrace(id: string): void {
  page("The way of this message", () => <Trace id={id} />);
}

export interface Verdict {
  kind: "good" | "plain" | "bad";
  text: string;
}

function isKnown(security: Message["security"]): security is Security {
  return "ip" in security;
}

function domain(address: string): string {
  return address.split("@").at(-1) ?? "";
}

/** What is known, in a few words. */
export function verdict(message: Message): Verdict | null {
  const { security } = message;
  if (!isKnown(security)) return null;
  const sender = domain(message.from[0]?.[1] ?? "");
  const way = security.tls ? "encrypted in transit" : "not encrypted in transit";
  if (["strict", "dmarc", "relaxed", "pass"].includes(security.fromResult)) return { kind: "good", text: `${sender} verified · ${way}` };
  if (security.isForward) return { kind: "plain", text: `forwarded by your own address elsewhere · ${way}` };
  if (security.isList) return { kind: "plain", text: `from a mailing list · ${way}` };
  if (security.dkim.length) return { kind: "plain", text: `signed by ${security.dkim[0] ?? ""}, not by ${sender} · ${way}` };
  if (["fail", "softfail", "permerror"].includes(security.fromResult)) return { kind: "bad", text: `not from ${sender}, as far as can be told · ${way}` };
  return { kind: "bad", text: `nobody vouches for ${sender || "the sender"} · ${way}` };
}

const ICONS: Record<Verdict["kind"], IconName> = { good: "shield", plain: "lock", bad: "warn" };

const REASONS: Record<string, string> = {
  "no-bad-signals": "Nothing spoke against it.",
  "first-time-sender": "The sender had not written to you before.",
};

function Story({ message, security }: { message: Message; security: Security }) {
  const facts: [string, string, string][] = [
    ["From", message.from[0]?.[1] ?? "", security.fromResult || "not checked"],
    ["Sender of the envelope (SPF)", security.mailFrom || "none", security.mailFromResult || "not checked"],
    ["Server’s greeting (SPF)", security.hello, security.helloResult || "not checked"],
    ["Signatures (DKIM)", security.dkim.join(", ") || "none", security.dkim.length ? "pass" : "none"],
    ["Came from", security.ip, ""],
    ["Encryption on the last hop", security.tls ? `${security.tls} ${security.cipher}` : "none", security.requireTls ? "required by the sender" : ""],
    ["Delivered for", security.recipient, ""],
    ["Why it is here", REASONS[security.reason] ?? security.reason, ""],
  ];
  return (
    <>
      <table class="story">
        <tbody>
          {facts.map(([name, value, result]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                <bdi>{value}</bdi>
              </td>
              <td>{result && <span class={`result ${["pass", "strict", "relaxed", "dmarc"].includes(result) ? "good" : ""}`}>{result}</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="buttons left">
        <button type="button" onClick={() => openTrace(message.id)}>
          Every step
        </button>
      </div>
    </>
  );
}

export function SecurityLine({ message }: { message: Message }) {
  const { security } = message;
  const said = verdict(message);
  if (!said || !isKnown(security)) return null;
  return (
    <button type="button" class={`security ${said.kind}`} onClick={() => page("How this message came here", () => <Story message={message} security={security} />)}>
      <Icon name={ICONS[said.kind]} />
      <span>{said.text}</span>
      {message.signed && <span>· signed by its author</span>}
      {message.encrypted && <span>· encrypted by its author</span>}
    </button>
  );
}
