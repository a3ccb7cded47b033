import { expect, it, vi } from "vitest";
import { systemClock, systemRandom } from "../src/index.js";

it("the clock tells wall time, and time that does not step back", () => {
  const before = Date.now();
  const [now, first, second] = [systemClock.now(), systemClock.monotonic(), systemClock.monotonic()];
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
  expect(second).toBeGreaterThanOrEqual(first);
});

it("a timer fires once unless it was cancelled", () => {
  vi.useFakeTimers();
  try {
    const fired = vi.fn();
    systemClock.setTimer(fired, 10);
    const cancel = systemClock.setTimer(fired, 10, { ref: false });
    cancel();
    cancel();
    vi.advanceTimersByTime(9);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(fired).toHaveBeenCalledTimes(1);
  } finally {
    vi.useRealTimers();
  }
});

it("random bytes have the length asked for and differ", () => {
  expect(systemRandom.bytes(0)).toHaveLength(0);
  expect(systemRandom.bytes(16)).toHaveLength(16);
  expect(systemRandom.bytes(16)).not.toEqual(systemRandom.bytes(16));
});
