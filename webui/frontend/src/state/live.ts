// The connection to the server: one websocket that is opened again when it ends, calls that are answered, and pings that find out when
// nobody is there any more.

import { signal } from "@preact/signals";
import type { FromServer } from "./protocol";

export type State = "connecting" | "online" | "offline" | "out";

export class CallFailed extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: CallFailed): void;
}

export interface Wire {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

const PING = 25_000;
const PONG = 10_000;
const LOGGED_OUT = 4401;
const SLOWEST = 30_000;

export class Live {
  readonly state = signal<State>("connecting");
  private wire: Wire | null = null;
  private number = 0;
  private waiting = new Map<number, Waiting>();
  private tries = 0;
  private timer = 0;
  private pong = 0;
  private at = 0;
  private reaching: { at: number; done(): void }[] = [];

  constructor(
    private readonly open: () => Wire,
    private readonly csrf: () => string,
    private readonly heard: (message: FromServer) => void,
    private readonly greeting: () => object = () => ({}),
  ) {}

  /** Connect unless that was done already. */
  begin(): void {
    if (!this.wire) this.connect();
  }

  connect(): void {
    clearTimeout(this.timer);
    const wire = this.open();
    this.wire = wire;
    if (this.state.value === "out") this.state.value = "connecting";
    wire.onopen = () => this.say({ t: "hello", csrf: this.csrf(), since: this.at, ...this.greeting() });
    wire.onmessage = (event) => this.hear(JSON.parse(event.data) as FromServer);
    wire.onclose = (event) => this.closed(wire, event.code);
  }

  /** Try at once: the machine woke up, or somebody pressed a button. */
  now(): void {
    if (this.state.value === "offline") this.connect();
  }

  leave(): void {
    this.state.value = "out";
    this.wire?.close();
  }

  say(message: object): void {
    this.wire?.send(JSON.stringify(message));
  }

  call<T>(name: string, args: object = {}): Promise<T> {
    if (this.state.value !== "online") return Promise.reject(new CallFailed("offline", "You are offline."));
    const id = ++this.number;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.say({ t: "call", id, name, args });
    });
    return answer as Promise<T>;
  }

  /** When the page has been told of everything up to a watermark; at the latest after a moment. */
  reached(at: number): Promise<void> {
    if (this.at >= at) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = window.setTimeout(resolve, 3000);
      this.reaching.push({
        at,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  private hear(message: FromServer): void {
    clearTimeout(this.pong);
    this.pong = 0;
    this.wait();
    switch (message.t) {
      case "welcome":
        this.tries = 0;
        this.at = message.at;
        this.state.value = "online";
        break;
      case "at":
        this.at = message.at;
        for (const each of this.reaching.filter(({ at }) => at <= message.at)) each.done();
        this.reaching = this.reaching.filter(({ at }) => at > message.at);
        break;
      case "bye":
        this.state.value = "out";
        break;
      case "result":
        this.waiting.get(message.id)?.resolve(message.value);
        this.waiting.delete(message.id);
        return;
      case "error":
        this.waiting.get(message.id)?.reject(new CallFailed(message.code, message.message));
        this.waiting.delete(message.id);
        return;
    }
    this.heard(message);
  }

  private wait(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.say({ t: "ping" });
      this.pong = window.setTimeout(() => this.wire?.close(), PONG);
    }, PING);
  }

  private closed(wire: Wire, code: number): void {
    if (wire !== this.wire) return;
    clearTimeout(this.timer);
    clearTimeout(this.pong);
    this.wire = null;
    for (const each of this.waiting.values()) {
      each.reject(new CallFailed("offline", "The connection ended before the server answered."));
    }
    this.waiting.clear();
    if (code === LOGGED_OUT || this.state.value === "out") {
      this.state.value = "out";
      return;
    }
    this.state.value = "offline";
    const pause = Math.min(SLOWEST, 500 * 2 ** this.tries++) * (0.7 + Math.random() * 0.6);
    this.timer = window.setTimeout(() => this.connect(), pause);
  }
}
