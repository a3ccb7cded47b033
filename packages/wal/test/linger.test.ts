import { describe, expect, onTestFinished, test } from "vitest";
import { openLog, type Log, type LogOptions } from "../src/index.js";
import { everyStore, type Store } from "./support/backends.js";
import { all, bytesOf, settled, walError } from "./support/expecting.js";
import { gatedBackend } from "./support/gated-backend.js";
import { ManualClock } from "./support/manual-clock.js";

describe.each(everyStore)("commits that linger, in $name,", (store: Store) => {
  async function lingering(options: Partial<LogOptions> = {}): Promise<{ log: Log; clock: ManualClock; gate: ReturnType<typeof gatedBackend> }> {
    const clock = new ManualClock();
    const gate = gatedBackend(await (await store.make()).open());
    gate.open();
    onTestFinished(() => {
      gate.open();
    });
    const log = await openLog({ storage: gate.backend, prefix: "orders", lingerMs: 100, idleMarkerMs: 60_000, clock, ...options, codec: undefined });
    return { log, clock, gate };
  }

  test("take up what comes within the time, counted from their first append", async () => {
    const { log, clock } = await lingering();
    const appends = [log.append(bytesOf("a"))];
    await settled();
    clock.advance(60);
    appends.push(log.append(bytesOf("b")));
    await settled();
    clock.advance(39);
    await settled();
    expect(log.stats()).toMatchObject({ commits: 0, pendingRecords: 2 });
    clock.advance(1);
    expect(await Promise.all(appends)).toEqual([1, 2]);
    expect(log.stats()).toMatchObject({ commits: 1, records: 2 });
    // The next one waits anew.
    const next = log.append(bytesOf("c"));
    await settled();
    clock.advance(99);
    await settled();
    expect(log.stats().commits).toBe(1);
    clock.advance(1);
    expect(await next).toBe(3);
    await log.close();
  });

  test("count the time that they waited for the commit before", async () => {
    const { log, clock, gate } = await lingering();
    gate.close();
    const first = log.append(bytesOf("a"));
    await settled();
    clock.advance(100);
    await settled();
    const second = log.append(bytesOf("b"));
    clock.advance(100);
    gate.open();
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(log.stats().commits).toBe(2);
    await log.close();
  });

  test("are written as soon as an append waits for room, however late it comes", async () => {
    const { log } = await lingering({ maxPendingBytes: 0 });
    const first = log.append(bytesOf("a"));
    await settled();
    expect(log.stats().commits).toBe(0);
    const second = log.append(bytesOf("b"));
    expect(log.stats().waitingAppends).toBe(1);
    // No time goes by.
    expect(await first).toBe(1);
    await log.sync();
    expect(await second).toBe(2);
    await log.close();
  });

  test("are written at once when they are full, or when appends wait for room", async () => {
    const { log } = await lingering({ maxCommitBytes: 4096 });
    const appends = Array.from({ length: 5 }, () => log.append(new Uint8Array(1800)));
    expect(await Promise.all(appends.slice(0, 4))).toEqual([1, 2, 3, 4]);
    expect(log.stats()).toMatchObject({ commits: 2, pendingRecords: 1 });
    await log.close();
    expect(await appends[4]).toBe(5);
    const bounded = await lingering({ maxPendingBytes: 100 });
    const waiting = [bounded.log.append(new Uint8Array(80)), bounded.log.append(new Uint8Array(80))];
    expect(await waiting[0]).toBe(1);
    await bounded.log.close();
    expect(await waiting[1]).toBe(2);
  });

  test("are written at once for who asks for it", async () => {
    const { log, clock } = await lingering();
    const append = log.append(bytesOf("a"));
    await log.sync();
    expect(await append).toBe(1);
    const last = log.append(bytesOf("b"));
    await log.close();
    expect(await last).toBe(2);
    expect(clock.timers, "no timer is left").toBe(0);
  });

  test("set a timer only while one waits", async () => {
    const { log, clock } = await lingering({ idleMarkerMs: 1 });
    expect(clock.timers).toBe(0);
    const append = log.append(bytesOf("a"));
    await settled();
    expect(clock.timers).toBe(1);
    clock.advance(100);
    await append;
    clock.advance(1);
    await settled();
    expect(clock.timers).toBe(0);
    expect(await all(log.read())).toHaveLength(1);
    await log.close();
  });
});

test("lingerMs is 0 to 10,000", async () => {
  const place = await everyStore[0]!.make();
  for (const lingerMs of [-1, 0.5, 10_001]) await walError(openLog({ storage: await place.open(), prefix: "orders", lingerMs }), "WAL_INVALID_ARGUMENT");
});
