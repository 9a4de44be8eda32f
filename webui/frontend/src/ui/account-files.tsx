// Mail comes in as a file, and goes out as one.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { mailboxes } from "../state/store";
import { count, many, size } from "../text/dates";
import { Form, type Fields, Sure } from "./account-parts";
import { type Job, bring, cancel, isOver, isSending, job, look, problem, rate } from "./account-importing";
import { download } from "./exporting";

function time(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes left`;
  return `${Math.round(seconds / 3600)} hours left`;
}

function Going({ at }: { at: Job }) {
  const isReceiving = at.state === "receiving";
  const share = isReceiving ? at.received / at.size : at.share;
  const left = isReceiving ? (rate.value ? (at.size - at.received) / rate.value : null) : at.left;
  const told = isReceiving
    ? [`${size(at.received)} of ${size(at.size)} sent`, ...(isSending.value && rate.value ? [`${size(rate.value)}/s`] : [])]
    : [`${many(at.messages, "message")} imported`, size(at.bytes)];
  const isWaiting = isReceiving && !isSending.value;
  return (
    <div class="once" role="group" aria-label={`Import of ${at.name}`}>
      <p>
        <b>{at.name}</b> {isReceiving ? "is being sent." : "is being imported. You may close this page; it goes on."}
      </p>
      <progress class="long" max={1} value={share} aria-label="How far it is" />
      <p class="quiet">{[...told, ...(left !== null && !isWaiting ? [time(left)] : [])].join(", ")}</p>
      {isWaiting && <p>It waits for the rest of the file: choose the same file again below to go on.</p>}
      <div>
        <Sure label="Cancel" sure="End the import" about={`of ${at.name}`} run={cancel} />
      </div>
    </div>
  );
}

const ENDED = { done: "has been imported.", failed: "could not be imported to its end.", canceled: "was canceled. What was imported stays." };

function Over({ at }: { at: Job }) {
  if (at.state === "receiving" || at.state === "running") return null;
  const told = [many(at.messages, "message"), size(at.bytes)];
  if (at.before) told.push(`${count(at.before)} by the run before`);
  if (at.duplicates) told.push(`${many(at.duplicates, "duplicate")} left out`);
  if (at.badTotal) told.push(`${count(at.badTotal)} not imported`);
  return (
    <div class="once" role="group" aria-label={`Import of ${at.name}`}>
      <p>
        <b>{at.name}</b> {ENDED[at.state]}
      </p>
      {at.problem && <p class="problem">{at.problem}</p>}
      <p>{told.join(", ")}.</p>
      {at.renamed.length > 0 && (
        <details>
          <summary>{many(at.renamed.length, "mailbox", "mailboxes")} got another name</summary>
          <ul class="lines">
            {at.renamed.map(([from, to]) => (
              <li key={from}>
                {from} → {to}
              </li>
            ))}
          </ul>
        </details>
      )}
      {at.bad.length > 0 && (
        <details>
          <summary>What was not imported</summary>
          <ul class="lines">
            {at.bad.map(([name, reason], number) => (
              <li key={number}>
                <span>
                  {name}
                  <br />
                  <small class="quiet">{reason}</small>
                </span>
              </li>
            ))}
          </ul>
          {at.badTotal > at.bad.length && <p class="quiet">and {count(at.badTotal - at.bad.length)} more</p>}
        </details>
      )}
    </div>
  );
}

function Import() {
  const file = useSignal<File | null>(null);
  useEffect(() => void look(), []);
  const at = job.value;
  const isGoing = at ? !isOver(at) : false;
  async function begin(fields: Fields) {
    if (!file.value) throw new Error("Choose a file first.");
    await bring(file.value, fields.text("mailbox").trim(), fields.has("skip"));
    file.value = null;
  }
  return (
    <section>
      <h3>Import</h3>
      <p class="quiet">
        A zip, tar or tgz file with maildirs or mbox files, or one mbox file: what other mail programs and services call an export. Nothing that is in the account changes.
      </p>
      {at && (isGoing ? <Going at={at} /> : <Over at={at} />)}
      {problem.value && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {(!isGoing || (at?.state === "receiving" && !isSending.value)) && (
        <Form label="Import" button="Import" submit={begin}>
          <label>
            File
            <input type="file" accept=".zip,.tar,.tgz,.gz,.mbox,.bz2,.xz" required onChange={(event) => (file.value = event.currentTarget.files?.[0] ?? null)} />
          </label>
          <label>
            Into the mailbox
            <input name="mailbox" list="import-mailboxes" maxLength={500} autocomplete="off" placeholder="as the names in the file say" defaultValue={at && isGoing ? at.mailbox : ""} />
            <datalist id="import-mailboxes">
              {mailboxes.value.map(({ id, name }) => (
                <option key={id} value={name} />
              ))}
            </datalist>
          </label>
          <label class="inline">
            <input type="checkbox" name="skip" /> Leave out messages that the account has already, byte for byte
          </label>
        </Form>
      )}
    </section>
  );
}

function Export() {
  function start(fields: Fields): Promise<void> {
    const asked = new URLSearchParams({ format: fields.text("format"), container: fields.text("container") });
    const chosen = fields.text("mailbox");
    if (chosen) asked.set("mailbox", chosen);
    if (fields.has("below")) asked.set("below", "1");
    download(`export-account?${asked}`);
    return Promise.resolve();
  }
  return (
    <section>
      <h3>Export</h3>
      <p class="quiet">All mail, or a mailbox, as a file that other mail programs and this page import. It comes as it is made, so nobody knows its size before.</p>
      <Form label="Export" button="Export" submit={start} keeps>
        <label>
          What
          <select name="mailbox">
            <option value="">The whole account</option>
            {mailboxes.value.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          <input type="checkbox" name="below" defaultChecked /> With the mailboxes below it
        </label>
        <div role="group" aria-label="As" class="checks">
          <label class="inline">
            <input type="radio" name="format" value="maildir" defaultChecked /> maildir, with flags and keywords
          </label>
          <label class="inline">
            <input type="radio" name="format" value="mbox" /> mbox, one file a mailbox
          </label>
        </div>
        <div role="group" aria-label="In" class="checks">
          <label class="inline">
            <input type="radio" name="container" value="zip" defaultChecked /> a zip file
          </label>
          <label class="inline">
            <input type="radio" name="container" value="tgz" /> a tgz file
          </label>
        </div>
      </Form>
    </section>
  );
}

export function FilePages() {
  return (
    <>
      <Import />
      <Export />
    </>
  );
}
