// URLs that are told what becomes of sent mail and what arrives, and the calls that were made to them.

import { useSignal } from "@preact/signals";
import { done } from "../state/toasts";
import { full, long, many } from "../text/dates";
import { Form, type Fields, Nothing, Secret, Sure, api, useCall } from "./account-parts";

type Direction = "outgoing" | "incoming";

interface Webhook {
  Direction: Direction;
  URL: string;
  Events: string[];
  HasAuthorization: boolean;
  Changed: string;
}

interface Attempt {
  Start: string;
  DurationMS: number;
  Success: boolean;
  Code: number;
  Error: string;
  Response: string;
}

interface Hook {
  ID: number;
  Direction: Direction;
  URL: string;
  Event: string;
  QueueMsgID: number;
  State: "waiting" | "delivered" | "failed" | "canceled" | "superseded";
  Created: string;
  NextAttempt: string | null;
  Attempts: number;
  Results: Attempt[];
  Payload: string;
}

const EVENTS = ["delivered", "relayed", "delayed", "failed", "suppressed", "expanded", "canceled", "unrecognized"];
const TITLES: Record<Direction, [title: string, text: string]> = {
  outgoing: ["Of sent mail", "Told of what becomes of each recipient."],
  incoming: ["Of mail that arrives", "Told the text and structure of each message that is delivered."],
};

function result({ Success, Code, Error: error, Response: response, DurationMS }: Attempt): string {
  return `${Success ? "Received" : error || `Status ${Code}`} after ${DurationMS} ms${response ? `: ${response.slice(0, 120)}` : ""}`;
}

interface TargetProps {
  direction: Direction;
  known: Webhook | undefined;
  again: () => Promise<void>;
}

function Target({ direction, known, again }: TargetProps) {
  const secret = useSignal("");
  const tried = useSignal<Attempt | null>(null);
  const isEdited = useSignal(false);
  const [title, text] = TITLES[direction];
  async function save(fields: Fields) {
    const events = fields.all("events");
    const made = await api<{ Secret: string }>("WebhookSet", {
      Direction: direction,
      URL: fields.text("url"),
      Authorization: fields.text("authorization"),
      Events: events.length === EVENTS.length ? [] : events,
    });
    secret.value = made.Secret;
    isEdited.value = false;
    tried.value = null;
    await again();
  }
  async function test() {
    tried.value = null;
    tried.value = await api<Attempt>("WebhookTest", { Direction: direction });
  }
  async function remove() {
    await api("WebhookRemove", { Direction: direction });
    done("The URL is called no more");
    await again();
  }
  return (
    <div class="target">
      <h4>{title}</h4>
      <p class="quiet">{text}</p>
      {secret.value && <Secret title="The key of the signature of calls." text={secret.value} seen={() => (secret.value = "")} />}
      {known && !isEdited.value && (
        <>
          <p class="breaks">
            <b>{known.URL}</b>
            <br />
            <small class="quiet">
              {direction === "incoming" ? "each message" : known.Events.length ? known.Events.join(", ") : "all events"}
              {known.HasAuthorization ? ", with Authorization" : ""}, set {long(Date.parse(known.Changed))}
            </small>
          </p>
          {tried.value && (
            <p role="status" class={tried.value.Success ? "good-text" : "problem"}>
              {result(tried.value)}
            </p>
          )}
          <div class="buttons left">
            <button type="button" onClick={() => void test().catch((error: unknown) => (tried.value = failed(error)))}>
              Make a call to try it
            </button>
            <button type="button" onClick={() => (isEdited.value = true)}>
              Change
            </button>
            <Sure label="Remove" sure="Call it no more" about={known.URL} run={remove} />
          </div>
        </>
      )}
      {(!known || isEdited.value) && (
        <Form label={title} button={known ? "Set the new URL" : "Set the URL"} submit={save} {...(isEdited.value ? { cancel: () => (isEdited.value = false) } : {})}>
          <label>
            URL
            <input name="url" type="url" required maxLength={1000} placeholder="https://shop.example.org/mail" defaultValue={known?.URL ?? ""} spellcheck={false} />
          </label>
          <label>
            Authorization (not needed: calls are signed)
            <input name="authorization" maxLength={1000} autocomplete="off" placeholder="Bearer …" spellcheck={false} />
          </label>
          {direction === "outgoing" && (
            <div role="group" aria-label="Events" class="checks">
              {EVENTS.map((event) => (
                <label class="inline" key={event}>
                  <input type="checkbox" name="events" value={event} defaultChecked={!known?.Events.length || known.Events.includes(event)} /> {event}
                </label>
              ))}
            </div>
          )}
        </Form>
      )}
    </div>
  );
}

function failed(error: unknown): Attempt {
  return { Start: "", DurationMS: 0, Success: false, Code: 0, Error: error instanceof Error ? error.message : "It could not be tried", Response: "" };
}

function Calls() {
  const { value, again } = useCall(async () => (await api<{ Hooks: Hook[] }>("HookList")).Hooks);
  const opened = useSignal(0);
  async function change(method: "HookReplay" | "HookCancel", id: number) {
    const { Changed: changed } = await api<{ Changed: number }>(method, { IDs: [id] });
    done(method === "HookReplay" ? `${many(changed, "call")} will be made now` : `${many(changed, "call")} canceled`);
    await again();
  }
  return (
    <section>
      <h3>Calls</h3>
      <p class="quiet">Those that wait, and those that were made and are kept as long as your administrator says. A call that fails is made again for about a day.</p>
      <div>
        <button type="button" onClick={() => void again()}>
          Look again
        </button>
      </div>
      <Nothing of={value} text="There are none." />
      <ul class="lines">
        {value?.map((hook) => (
          <li key={hook.ID} class="call">
            <span>
              <span class={`badge ${hook.State === "delivered" ? "good" : hook.State === "failed" ? "bad" : ""}`}>{hook.State}</span> <b>{hook.Event}</b>{" "}
              <small class="quiet" title={full(Date.parse(hook.Created))}>
                {long(Date.parse(hook.Created))}, {many(hook.Attempts, "attempt")}
                {hook.NextAttempt ? `, next ${long(Date.parse(hook.NextAttempt))}` : ""}
              </small>
              <br />
              <small class="quiet breaks">{hook.URL}</small>
            </span>
            <span class="sure">
              <button type="button" aria-expanded={opened.value === hook.ID} aria-label={`Details of call ${hook.ID}`} onClick={() => (opened.value = opened.value === hook.ID ? 0 : hook.ID)}>
                {opened.value === hook.ID ? "Fold" : "Details"}
              </button>
              <Sure label="Repeat" sure="Make it again" about={`call ${hook.ID}`} run={() => change("HookReplay", hook.ID)} />
              {hook.State === "waiting" && <Sure label="Cancel" sure="Do not make it" about={`call ${hook.ID}`} run={() => change("HookCancel", hook.ID)} />}
            </span>
            {opened.value === hook.ID && (
              <div>
                <ul class="results">
                  {hook.Results.map((each) => (
                    <li key={each.Start}>
                      <small>
                        {long(Date.parse(each.Start))}: {result(each)}
                      </small>
                    </li>
                  ))}
                </ul>
                <pre class="secret" tabIndex={0} role="region" aria-label="What the call tells">
                  {pretty(hook.Payload)}
                </pre>
              </div>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload;
  }
}

export function WebhookPages() {
  const { value, again } = useCall(async () => (await api<{ Webhooks: Webhook[] }>("WebhookGet")).Webhooks);
  return (
    <>
      <section>
        <h3>Webhooks</h3>
        <p class="quiet">
          Programs of yours that are told by POST with JSON, signed with a key of their own.
        </p>
        {value === null ? (
          <p class="quiet">Loading…</p>
        ) : (
          (["outgoing", "incoming"] as const).map((direction) => (
            <Target key={direction} direction={direction} known={value.find((each) => each.Direction === direction)} again={again} />
          ))
        )}
      </section>
      <Calls />
    </>
  );
}
