// The password, and the one-time codes that are asked for besides.

import { useSignal } from "@preact/signals";
import { live } from "../state/store";
import { done } from "../state/toasts";
import { full, long, many } from "../text/dates";
import { CodeField, Form, type Fields, PasswordField, Secret, useCall } from "./account-parts";
import { download } from "./exporting";

interface About {
  customPassword: boolean;
}

function Password() {
  const { value: about } = useCall(() => live.call<About>("accountAbout"));
  const made = useSignal("");
  async function save(fields: Fields) {
    if (fields.text("new") !== fields.text("again")) throw new Error("The two new passwords differ.");
    const { generated } = await live.call<{ generated: string }>("passwordSet", { password: fields.text("password"), new: fields.text("new") });
    made.value = generated;
    done("The password was changed; all other sessions have ended");
  }
  const isChosen = about?.customPassword !== false;
  return (
    <section>
      <h3>Password</h3>
      <p class="quiet">
        {isChosen ? "At least 8 characters." : "Your administrator allows generated passwords only; the new one is shown once."} All other sessions end; programs
        with passwords of their own go on.
      </p>
      {made.value && <Secret title="The new password." text={made.value} seen={() => (made.value = "")} />}
      <Form label="Password" button={isChosen ? "Change the password" : "Make a new password"} submit={save}>
        <PasswordField label="Present password" />
        {isChosen && (
          <>
            <label>
              New password
              <input type="password" name="new" autocomplete="new-password" minLength={8} required />
            </label>
            <label>
              New password again
              <input type="password" name="again" autocomplete="new-password" minLength={8} required />
            </label>
          </>
        )}
      </Form>
    </section>
  );
}

interface State {
  since: number;
  left: number;
}

interface Begun {
  secret: string;
  uri: string;
  size: number;
  path: string;
}

const WHAT = "Then a login to these pages asks for a code besides the password: six digits of an authenticator on your phone, new every 30 seconds.";
const ALONE = "The main password then opens these pages alone. IMAP, sending by programs and the HTTP API need passwords of their own: make those for your programs first.";

function Codes() {
  const { value: state, again } = useCall(() => live.call<State>("codes"));
  const begun = useSignal<Begun | null>(null);
  const codes = useSignal<string[]>([]);
  const doing = useSignal<"" | "new" | "off">("");
  const begin = async (fields: Fields) => {
    begun.value = await live.call<Begun>("codesBegin", { password: fields.text("password") });
  };
  const confirm = async (fields: Fields) => {
    const found = await live.call<{ codes: string[] }>("codesConfirm", { code: fields.text("code") });
    codes.value = found.codes;
    begun.value = null;
    done("One-time codes are on; all other sessions have ended");
    await again();
  };
  const renew = async (fields: Fields) => {
    const found = await live.call<{ codes: string[] }>("codesNew", { code: fields.text("code") });
    codes.value = found.codes;
    doing.value = "";
    await again();
  };
  const off = async (fields: Fields) => {
    await live.call("codesOff", { code: fields.text("code") });
    doing.value = "";
    done("One-time codes are off");
    await again();
  };
  return (
    <section>
      <h3>One-time codes</h3>
      {codes.value.length > 0 && <Recovery codes={codes.value} seen={() => (codes.value = [])} />}
      {state && !state.since && !begun.value && (
        <>
          <p class="quiet">
            Off. {WHAT} {ALONE}
          </p>
          <Form label="One-time codes" button="Set up one-time codes" submit={begin}>
            <PasswordField />
          </Form>
        </>
      )}
      {begun.value && <Enrol begun={begun.value} confirm={confirm} cancel={() => (begun.value = null)} />}
      {state !== null && state.since > 0 && (
        <>
          <p>
            <span class="badge good">On</span> <span title={full(state.since)}>since {long(state.since)}</span>.{" "}
            {state.left ? `${many(state.left, "recovery code")} left.` : "No recovery codes are left: make new ones."}
          </p>
          <p class="quiet">The main password opens these pages alone; programs need passwords of their own.</p>
          {!doing.value && (
            <div class="buttons left">
              <button type="button" onClick={() => (doing.value = "new")}>
                Make new recovery codes
              </button>
              <button type="button" onClick={() => (doing.value = "off")}>
                Switch off
              </button>
            </div>
          )}
          {doing.value === "new" && (
            <Form label="New recovery codes" button="Make new recovery codes" submit={renew} cancel={() => (doing.value = "")}>
              <p class="quiet">The ones that you have are good for nothing then.</p>
              <CodeField label="Code of the authenticator, or a recovery code" />
            </Form>
          )}
          {doing.value === "off" && (
            <Form label="Switch one-time codes off" button="Switch one-time codes off" submit={off} cancel={() => (doing.value = "")}>
              <p class="quiet">The password alone opens everything again, programs too.</p>
              <CodeField label="Code of the authenticator, or a recovery code" />
            </Form>
          )}
        </>
      )}
    </section>
  );
}

function Enrol({ begun, confirm, cancel }: { begun: Begun; confirm: (fields: Fields) => Promise<void>; cancel: () => void }) {
  return (
    <div class="enrol">
      <svg class="qr" viewBox={`0 0 ${begun.size} ${begun.size}`} role="img" aria-label="The secret as a picture for an authenticator">
        <path class="light" d={`M0 0h${begun.size}v${begun.size}H0z`} />
        <path class="dark" d={begun.path} />
      </svg>
      <div class="steps">
        <p>
          1. Scan the picture with an authenticator, or <a href={begun.uri}>open it on this device</a>, or type the secret:
        </p>
        <p class="secret">{begun.secret.replace(/(.{4})/g, "$1 ").trim()}</p>
        <p>2. Type the code that it shows.</p>
        <Form label="Confirm" button="Switch one-time codes on" submit={confirm} cancel={cancel}>
          <CodeField />
        </Form>
      </div>
    </div>
  );
}

function Recovery({ codes, seen }: { codes: string[]; seen: () => void }) {
  function save() {
    const url = URL.createObjectURL(new Blob([codes.join("\n") + "\n"], { type: "text/plain" }));
    download(url, "recovery-codes.txt");
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  return (
    <div class="once" role="group" aria-label="Recovery codes">
      <p>
        <b>Recovery codes.</b> They are shown this once. Each opens the account once in the place of a code, for when the authenticator is lost. Print them, or keep them where
        you keep passwords.
      </p>
      <ul class="recovery secret">
        {codes.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
      <div class="buttons left">
        <button type="button" class="primary" onClick={save}>
          Save as a file
        </button>
        <button type="button" onClick={() => void navigator.clipboard.writeText(codes.join("\n")).then(() => done("Copied"))}>
          Copy
        </button>
        <button type="button" onClick={seen}>
          I have them
        </button>
      </div>
    </div>
  );
}

export function Security() {
  return (
    <>
      <Password />
      <Codes />
    </>
  );
}
