import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Job } from "../src/ui/account-importing";

const server = { received: 0, size: 0, state: "receiving", parts: [] as number[], lost: new Set<number>() };

function shown(): Job {
  const { received, size, state } = server;
  const rest = { share: 0, left: null, messages: 0, bytes: 0, before: 0, duplicates: 0, bad: [], badTotal: 0, renamed: [], problem: "" };
  return { id: "j", name: "a.mbox", size, mailbox: "", received, state: state as Job["state"], ...rest };
}

vi.mock("../src/state/store", () => ({
  live: {
    state: signal("online"),
    call: (name: string, given?: { size: number }) => {
      if (name === "importBegin") server.size = given?.size ?? 0;
      if (name === "importCancel") server.state = "canceled";
      return Promise.resolve(shown());
    },
  },
}));

const importing = await import("../src/ui/account-importing");
const { browser } = await import("../src/ui/account-sessions");

function answer(body: unknown): Response {
  return new Response(JSON.stringify(body));
}

function take(url: string, { body }: { body: Blob }): Promise<Response> {
  const offset = Number(url.split("/").at(-1));
  server.parts.push(offset);
  if (server.lost.delete(offset)) {
    server.received += Math.floor(body.size / 2);
    return Promise.reject(new TypeError("network"));
  }
  if (offset !== server.received) return Promise.resolve(answer({ error: { code: "conflict", message: "another part is next" } }));
  server.received += body.size;
  if (server.received === server.size) server.state = "done";
  return Promise.resolve(answer(shown()));
}

describe("a file that is imported", () => {
  beforeEach(() => {
    Object.assign(server, { received: 0, size: 0, state: "receiving", parts: [], lost: new Set() });
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 500 });
    vi.stubGlobal("fetch", vi.fn(take));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const part = 4 * 1024 * 1024;
  const file = (size: number) => new File([new Uint8Array(size)], "a.mbox");
  const sent = () => vi.waitFor(() => expect(importing.isSending.value).toBe(false), { timeout: 5000 });

  it("is sent in parts, one behind the other", async () => {
    await importing.bring(file(2 * part + 5), "", false);
    await sent();
    expect(server.parts).toEqual([0, part, 2 * part]);
    await vi.waitFor(() => expect(importing.job.value?.state).toBe("done"));
  });

  it("goes on where the server is after a lost connection", async () => {
    server.lost.add(part);
    await importing.bring(file(3 * part), "", false);
    await sent();
    expect(server.parts).toEqual([0, part, part + part / 2, 2 * part + part / 2]);
    expect(server.received).toBe(3 * part);
    expect(importing.problem.value).toBe("");
  });

  it("says what is wrong when the server takes no more", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(answer({ error: { code: "not-found", message: "It was canceled." } })));
    await importing.bring(file(10), "", false);
    await sent();
    expect(importing.problem.value).toContain("It was canceled.");
  });
});

describe("the name of a browser", () => {
  it("is said in two words", () => {
    expect(browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36")).toBe("Chrome on Linux");
    expect(browser("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Mobile/15E Safari/604")).toBe("Safari on iOS");
    expect(browser("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe("Firefox on Windows");
  });

  it("is its own where it is not known", () => {
    expect(browser("curl/8.5")).toBe("curl/8.5");
    expect(browser("")).toBe("a browser");
  });
});
