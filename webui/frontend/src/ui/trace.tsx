// The way of a message: how it came and why it is here, or how it left, step by step.

import { useEffect, useState } from "preact/hooks";
import { place } from "../state/protocol";
import { live } from "../state/store";
import { message } from "../state/toasts";
import { full } from "../text/dates";
import { Icon, type IconName } from "./icons";
import "../style/trace.css";

interface Step {
  at: number | null;
  what: "received" | "stored" | "queued" | "attempt" | "retired";
  recipient: string;
  text: string;
  facts: Record<string, string>;
}

const KINDS: Record<Step["what"], [IconName, string]> = {
  received: ["inbox", "Received"],
  stored: ["folder", "Stored"],
  queued: ["clock", "In the queue"],
  attempt: ["forward", "Attempt"],
  retired: ["check", "Left the queue"],
};

const NAMES: Record<string, string> = {
  remote_ip: "Came from",
  ehlo_domain: "Server’s greeting",
  mail_from: "Sender of the envelope",
  ehlo_validation: "Greeting (SPF)",
  mail_from_validation: "Envelope (SPF)",
  msg_from_validation: "From (DMARC)",
  dkim_domains: "Signatures (DKIM)",
  tls_version: "Encryption",
  tls: "Encryption",
  reason: "Decision",
  size: "Octets",
  flags: "Flags",
  queue_id: "Number in the queue",
  queued_as: "Name in the log",
  attempts: "Attempts",
  state: "State",
  sender: "Sender of the envelope",
  transport: "Way out",
  next_attempt: "Next attempt",
  status: "Status",
  host: "Host",
  remote: "Address of the host",
};

function value(name: string, text: string): string {
  return name === "next_attempt" && Number(text) ? full(Number(text)) : text;
}

function StepLine({ step }: { step: Step }) {
  const [icon, name] = KINDS[step.what];
  const facts = Object.entries(step.facts);
  return (
    <li>
      <span class="sign" aria-hidden="true">
        <Icon name={icon} />
      </span>
      <div>
        <p class="step">
          <b>{name}</b>
          {step.recipient && (
            <span class="quiet">
              for <bdi>{step.recipient.replace(/^<|>$/g, "")}</bdi>
            </span>
          )}
          <time dateTime={step.at === null ? undefined : new Date(step.at).toISOString()}>{step.at === null ? "time not known" : full(step.at)}</time>
        </p>
        <p class="said">
          <bdi>{step.text}</bdi>
        </p>
        {facts.length > 0 && (
          <details>
            <summary>Details</summary>
            <dl>
              {facts.map(([key, text]) => (
                <div key={key}>
                  <dt>{NAMES[key] ?? key}</dt>
                  <dd>
                    <bdi>{value(key, text)}</bdi>
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
    </li>
  );
}

export function Trace({ id }: { id: string }) {
  const [steps, setSteps] = useState<Step[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    live
      .call<Step[]>("trace", place(id))
      .then(setSteps)
      .catch((error: unknown) => setProblem(message(error)));
  }, [id]);
  if (problem) {
    return (
      <p class="problem" role="alert">
        {problem}
      </p>
    );
  }
  if (!steps) return <div class="skeleton-message" aria-busy="true" aria-label="Loading" />;
  if (!steps.length) {
    return (
      <div class="empty">
        <Icon name="search" />
        <p>Nothing is known of its way.</p>
        <small>A message is followed by its Message-ID, which this one has not.</small>
      </div>
    );
  }
  return (
    <ol class="trace">
      {steps.map((step, number) => (
        <StepLine key={number} step={step} />
      ))}
    </ol>
  );
}
