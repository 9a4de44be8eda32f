import { describe, expect, it, vi } from "vitest";
import { doing, done, undo } from "../src/state/toasts";

describe("taking back", () => {
  it("takes back the last thing that was done", () => {
    const [first, second] = [vi.fn(), vi.fn()];
    done("first", first);
    done("second", second);
    undo();
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  });

  it("waits for what is being done, and does not take back what was done before", () => {
    const [first, second] = [vi.fn(), vi.fn()];
    done("first", first);
    const begun = doing();
    undo();
    expect(first).not.toHaveBeenCalled();
    done("second", second, undefined, begun);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  });

  it("takes nothing back when what was being done failed", () => {
    const first = vi.fn();
    done("first", first);
    const begun = doing();
    begun.over();
    undo();
    expect(first).not.toHaveBeenCalled();
  });

  it("keeps the way back when something is said that has none", () => {
    const first = vi.fn();
    done("first", first);
    done("saved");
    undo();
    expect(first).toHaveBeenCalledOnce();
  });
});
