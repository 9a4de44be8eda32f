// The form before everything else.

import { useEffect, useRef, useState } from "preact/hooks";
import { CODE_WANTED, enter } from "../state/entrance";
import { ready } from "../state/store";

export function Login({ reason }: { reason?: string }) {
  const [wrong, setWrong] = useState(reason ?? "");
  const [isBusy, setBusy] = useState(false);
  const [asksCode, setAsksCode] = useState(false);
  const address = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const code = useRef<HTMLInputElement>(null);
  useEffect(() => code.current?.focus(), [asksCode]);
  useEffect(() => address.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    const problem = await enter(address.current?.value ?? "", password.current?.value ?? "", code.current?.value);
    // A page that was somebody's begins anew for the next one.
    if (!problem && ready.value) location.reload();
    setBusy(false);
    const isCodeWanted = problem === CODE_WANTED;
    if (isCodeWanted) setAsksCode(true);
    setWrong(isCodeWanted ? "" : (problem ?? ""));
    if (problem && !isCodeWanted) (code.current ?? password.current)?.select();
  }

  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)} aria-labelledby="login-title">
        <h1 id="login-title">Mail</h1>
        <label>
          Email address
          <input ref={address} type="email" name="username" autocomplete="username" required spellcheck={false} />
        </label>
        <label>
          Password
          <input ref={password} type="password" name="password" autocomplete="current-password" required />
        </label>
        {asksCode && (
          <label>
            One-time code, or a recovery code
            <input ref={code} name="code" autocomplete="one-time-code" maxLength={40} required spellcheck={false} autocapitalize="none" />
          </label>
        )}
        <p class="problem" role="alert">
          {wrong}
        </p>
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>
  );
}
