import { beforeEach, describe, expect, it, vi } from "vitest";
import { CallFailed, Live, type Wire } from "../src/state/live";
import type { FromServer } from "../src/state/protocol";

class Fake implements Wire {
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.onclose?.({ code: 1006 });
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

let wires: Fake[];
let heard: FromServer[];
let live: Live;
const last = () => wires.at(-1) ?? new Fake();

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  heard = [];
  live = new Live(
    () => {
      const wire = new Fake();
      wires.push(wire);
      return wire;
    },
    () => "csrf",
    (message) => heard.push(message),
  );
  live.connect();
  last().onopen?.();
  last().say({ t: "welcome", at: 7 });
});

describe("the connection", () => {
  it("says hello with the token", () => {
    expect(last().sent[0]).toEqual({ t: "hello", csrf: "csrf", since: 0 });
    expect(live.state.value).toBe("online");
  });

  it("gives answers to who asked", async () => {
    const one = live.call("a");
    const two = live.call("b");
    last().say({ t: "error", id: 2, code: "not-found", message: "gone" });
    last().say({ t: "result", id: 1, value: 5 });
    await expect(one).resolves.toBe(5);
    await expect(two).rejects.toThrow("gone");
  });

  it("is opened again, and says how far it had come", () => {
    last().say({ t: "at", at: 12 });
    last().onclose?.({ code: 1006 });
    expect(live.state.value).toBe("offline");
    vi.advanceTimersByTime(2000);
    expect(wires.length).toBe(2);
    last().onopen?.();
    expect(last().sent[0]).toEqual({ t: "hello", csrf: "csrf", since: 12 });
  });

  it("lets no call wait for ever when it ends", async () => {
    const call = live.call("a");
    last().onclose?.({ code: 1006 });
    await expect(call).rejects.toBeInstanceOf(CallFailed);
  });

  it("waits longer after each failure, up to half a minute", () => {
    for (let number = 0; number < 12; number++) {
      last().onclose?.({ code: 1006 });
      vi.advanceTimersByTime(40_000);
    }
    expect(wires.length).toBe(13);
  });

  it("ends when nobody answers a ping", () => {
    vi.advanceTimersByTime(25_000);
    expect(last().sent.at(-1)).toEqual({ t: "ping" });
    vi.advanceTimersByTime(10_000);
    expect(live.state.value).toBe("offline");
  });

  it("does not come back when the session is over", () => {
    last().say({ t: "bye", reason: "x" });
    last().onclose?.({ code: 4401 });
    vi.advanceTimersByTime(60_000);
    expect(live.state.value).toBe("out");
    expect(wires.length).toBe(1);
  });

  it("knows when a change has been told", async () => {
    const reached = live.reached(9);
    last().say({ t: "at", at: 9 });
    await expect(reached).resolves.toBeUndefined();
  });
});
