import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { memoryBackend, memoryDisk, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, onTestFinished, test } from "vitest";
import { mergeLog, openLog, verifyLog } from "../src/index.js";
import { bytesOf, texts, turns, walError } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";

describe("a log on object storage", () => {
  test("is written, read, opened again and taken over", async () => {
    const disk = memoryDisk();
    const open = () => openLog({ storage: memoryBackend({ disk, appendable: false }), prefix: "orders", packObjects: 4 });
    const first = await open();
    for (let seq = 1; seq <= 20; seq++) expect(await first.append(bytesOf(`r${seq}`))).toBe(seq);
    const expected = Array.from({ length: 20 }, (_, index) => `${index + 1}:r${index + 1}`);
    expect(await texts(first)).toEqual(expected);
    const second = await open();
    expect(second.nextSeq).toBe(21);
    expect(await texts(second)).toEqual(expected);
    expect(await texts(second, { reverse: true })).toEqual(expected.toReversed());
    expect(await walError(first.append(bytesOf("late")), "WAL_FENCED")).toMatchObject({ outcome: "not_applied", retryable: false });
    expect(await second.append(bytesOf("r21"))).toBe(21);
    await second.trim(10);
    expect(await texts(second)).toEqual([...expected.slice(9), "21:r21"]);
    await first.close();
    await second.close();
  });

  test("sets no timer and asks for nothing while it is idle", async () => {
    const clock = new ManualClock();
    const inner = memoryBackend({ appendable: false });
    let requests = 0;
    const counting: StorageBackend = {
      ...delegate(inner),
      read: (...call) => (requests++, inner.read(...call)),
      list: (...call) => (requests++, inner.list(...call)),
      create: (...call) => (requests++, inner.create(...call)),
      remove: (...call) => (requests++, inner.remove(...call)),
    };
    const log = await openLog({ storage: counting, prefix: "orders", clock, lingerMs: 10 });
    expect(requests, "listings of floors, packs and objects, one that nothing else is there, the claim, and one behind it").toBe(6);
    const append = log.append(bytesOf("a"));
    await turns();
    clock.advance(10);
    await append;
    expect(requests, "one for each commit").toBe(7);
    for (let rounds = 0; rounds < 10; rounds++) {
      clock.advance(60_000);
      await turns();
    }
    expect(clock.timers).toBe(0);
    expect(requests).toBe(7);
    expect(await texts(log), "from memory").toEqual(["1:a"]);
    expect(requests).toBe(7);
    await log.close();
    expect(requests).toBe(7);
  });

  test("that is trimmed opens with one request for each thing that it must know", async () => {
    const inner = memoryBackend({ appendable: false });
    const log = await openLog({ storage: inner, prefix: "orders", packObjects: 4 });
    for (let seq = 1; seq <= 50; seq++) await log.append(bytesOf(`r${seq}`));
    await log.trim(40);
    await log.close();
    const asked: string[] = [];
    const counting: StorageBackend = {
      ...delegate(inner),
      read: (...call) => (asked.push(`read ${call[0].split("/")[1] ?? ""}`), inner.read(...call)),
      list: (...call) => (asked.push(`list ${call[0].split("/")[1] ?? ""}`), inner.list(...call)),
      create: (...call) => (asked.push(`create ${call[0].split("/")[1] ?? ""}`), inner.create(...call)),
    };
    const again = await openLog({ storage: counting, prefix: "orders" });
    expect(asked).toEqual(["list trim", "list pack", "list log", "read trim", "read log", "create log", "list log"]);
    expect([again.firstSeq, again.nextSeq]).toEqual([40, 51]);
    await again.close();
  });

  test("many short lives are merged by those that come after", async () => {
    const storage = memoryBackend({ appendable: false });
    const lives = 300;
    for (let life = 1; life <= lives; life++) {
      const log = await openLog({ storage, prefix: "orders", packObjects: 16 });
      expect(await log.append(bytesOf(`r${life}`))).toBe(life);
      await log.close();
    }
    const log = await openLog({ storage, prefix: "orders", packObjects: 16 });
    expect(log.recovery.takeover?.unpackedObjects).toBeLessThan(20);
    expect(await texts(log)).toEqual(Array.from({ length: lives }, (_, index) => `${index + 1}:r${index + 1}`));
    await log.close();
    let commits = 0;
    let claims = 0;
    for await (const { size } of storage.list(storagePrefix("orders/log"))) {
      if (size === 128) claims++;
      else commits++;
    }
    expect(claims).toBe(lives + 1);
    expect(commits).toBeLessThan(12);
    expect((await verifyLog({ storage, prefix: "orders" })).findings).toEqual([]);
  });

  test("settles its first sequence number when it is opened first", async () => {
    const storage = memoryBackend({ appendable: false });
    await (await openLog({ storage, prefix: "orders", startSeq: 10 })).close();
    const log = await openLog({ storage, prefix: "orders", startSeq: 20 });
    expect(await log.append(bytesOf("a"))).toBe(10);
    await log.close();
  });

  test("counts and tells what it does", async () => {
    const events: unknown[] = [];
    const listener = (event: unknown): void => {
      events.push(event);
    };
    subscribe("holdfast:wal:pack", listener);
    onTestFinished(() => {
      unsubscribe("holdfast:wal:pack", listener);
    });
    const storage = memoryBackend({ appendable: false });
    const log = await openLog({ storage, prefix: "orders", packObjects: 3, clock: new ManualClock() });
    for (let seq = 1; seq <= 4; seq++) await log.append(bytesOf("r"));
    await turns();
    expect(log.stats()).toMatchObject({ commits: 4, records: 4, segment: 5, packs: 1, rotations: 0, markers: 0, writtenBytes: 128 + 4 * (128 + 5) });
    expect(events).toEqual([{ prefix: "orders/", firstPosition: 1, lastPosition: 3 }]);
    expect(log.recovery).toMatchObject({ closedCleanly: true, tornTail: undefined, takeover: { term: 1, previousTerm: undefined, attempts: 1, unpackedObjects: 0 } });
    await log.close();
  });

  test("that others open again and again gives up, and may be tried again", async () => {
    const storage = memoryBackend({ appendable: false });
    const racing: StorageBackend = {
      ...delegate(storage),
      async create(key, body, options) {
        await (await openLog({ storage, prefix: "orders" })).close();
        return storage.create(key, body, options);
      },
    };
    expect(await walError(openLog({ storage: racing, prefix: "orders", takeoverTimeoutMs: 100 }), "WAL_FENCED")).toMatchObject({ retryable: true });
    await (await openLog({ storage, prefix: "orders" })).close();
  });

  test("is merged by options within their bounds, and not in files", async () => {
    const storage = memoryBackend({ appendable: false });
    for (const packObjects of [1, 4097, 2.5]) await walError(mergeLog({ storage, prefix: "orders", packObjects }), "WAL_INVALID_ARGUMENT");
    await walError(mergeLog({ storage: memoryBackend(), prefix: "orders" }), "WAL_INVALID_ARGUMENT");
    expect(await mergeLog({ storage, prefix: "orders" })).toEqual({ packs: 0, packedObjects: 0, removedObjects: 0 });
  });
});
