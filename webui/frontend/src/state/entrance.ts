// Logging in and out.

import { signal } from "@preact/signals";

export type Who = { login: string } | null;

/** undefined while nobody knows. */
export const who = signal<Who | undefined>(undefined);
let csrf = "";

export function csrfToken(): string {
  return csrf;
}

interface Answer {
  login?: string | null;
  csrf?: string;
  token?: string;
  code?: string;
  error?: { code: string; message: string };
}

async function ask(path: string, body?: object): Promise<Answer> {
  const options: RequestInit = body
    ? {
        method: "POST",
        headers: { "content-type": "application/json", "x-mox-csrf": csrf },
        body: JSON.stringify(body),
      }
    : {};
  const response = await fetch(path, { ...options, credentials: "same-origin" });
  return (await response.json()) as Answer;
}

function take(answer: Answer): void {
  csrf = answer.csrf ?? "";
  who.value = answer.login ? { login: answer.login } : null;
}

/** Find out who is logged in. */
export async function check(): Promise<void> {
  take(await ask("session"));
}

/** The same as the page itself says it, which is so at the moment when it was given out; whether it does. */
export function read(): boolean {
  const said = document.querySelector<HTMLMetaElement>("meta[name='mox-session']");
  said?.remove();
  try {
    if (said) take(JSON.parse(said.content) as Answer);
  } catch {
    return false;
  }
  return said !== null;
}

/** What `enter` returns where a one-time code is wanted besides. */
export const CODE_WANTED = "A one-time code is wanted.";

/** Log in; returns what is wrong, or nothing. */
export async function enter(address: string, password: string, code = ""): Promise<string | null> {
  try {
    const { token } = await ask("login/prepare", {});
    const answer = await ask("login", { token, address, password, code });
    if (answer.error) return answer.error.message;
    if (answer.code) return CODE_WANTED;
    csrf = answer.csrf ?? "";
    who.value = { login: address };
    return null;
  } catch {
    return "The server does not answer. Check your connection and try again.";
  }
}

export async function leave(): Promise<void> {
  await ask("logout", {}).catch(() => null);
  csrf = "";
  who.value = null;
}
