import { describe, expect, test } from "vitest";
import { virtualClock } from "../src/index.js";

describe("a virtual clock", () => {
  test("stands still until it is moved", async () => {
    const clock = virtualClock({ startMs: 1000 });
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1250, 250]);
    expect(virtualClock().now()).toBe(Date.UTC(2000, 0, 1));
  });

  test("fires timers in the order in which they are due, each at its time, equals as they were set", async () => {
    const clock = virtualClock({ startMs: 0 });
    const fired: string[] = [];
    const timer = (name: string, delayMs: number): (() => void) => clock.setTimer(() => fired.push(`${name}@${clock.now()}`), delayMs);
    timer("c", 30);
    timer("a", 10);
    timer("b", 10);
    timer("late", 101);
    const cancel = timer("cancelled", 20);
    cancel();
    cancel();
    expect(clock.timers).toBe(4);
    await clock.advance(100);
    expect(fired).toEqual(["a@10", "b@10", "c@30"]);
    await clock.advance(1);
    expect(fired.at(-1)).toBe("late@101");
    expect(clock.timers).toBe(0);
  });

  test("lets everything that a timer leads to happen before the next one", async () => {
    const clock = virtualClock({ startMs: 0 });
    const events: string[] = [];
    clock.setTimer(() => {
      void (async () => {
        for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
        events.push(`led to @${clock.now()}`);
        clock.setTimer(() => events.push(`set by it @${clock.now()}`), 5);
      })();
    }, 10);
    clock.setTimer(() => events.push(`second @${clock.now()}`), 20);
    await clock.advance(20);
    expect(events).toEqual(["led to @10", "set by it @15", "second @20"]);
  });

  test("has a wall clock that can step, and timers that do not mind", async () => {
    const clock = virtualClock({ startMs: 1000 });
    let fired = 0;
    clock.setTimer(() => (fired += 1), 10);
    clock.step(-500);
    expect([clock.now(), clock.monotonic(), fired]).toEqual([500, 0, 0]);
    await clock.advance(10);
    expect([clock.now(), fired]).toEqual([510, 1]);
  });
});
