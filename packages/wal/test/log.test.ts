import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { getEventListeners } from "node:events";
import { StorageError, systemRandom, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, onTestFinished, test } from "vitest";
import { mergeLog, openLog, openLogReader, verifyLog, type Codec, type Log, type LogOptions, type WalError } from "../src/index.js";
import { contents, directoryPlace, everyStore, memory, memoryPlace, stores, type Place, type Store } from "./support/backends.js";
import { all, bytesOf, holdfastError, payload, show, texts, turns, walError } from "./support/expecting.js";
import { faultPort } from "./support/fault-port.js";
import { gatedBackend } from "./support/gated-backend.js";
import { ManualClock } from "./support/manual-clock.js";

const MIB = 1024 * 1024;

async function openAt(place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", ...options, codec: undefined });
}

/** A log whose writes wait for `gate`. */
async function gated(store: Store, options: Partial<LogOptions> = {}): Promise<{ log: Log; gate: ReturnType<typeof gatedBackend>; place: Place }> {
  const place = await store.make();
  const gate = gatedBackend(await place.open());
  const log = await openLog({ storage: gate.backend, prefix: "orders", ...options, codec: undefined });
  onTestFinished(() => {
    gate.open();
  });
  return { log, gate, place };
}

describe.each(everyStore)("a log in $name", (store) => {
  test("appends answer sequence numbers in the order of the calls", async () => {
    const log = await openAt(await store.make());
    const calls = Array.from({ length: 100 }, (_, index) => log.append(bytesOf(`r${index}`)));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await texts(log)).toEqual(Array.from({ length: 100 }, (_, index) => `${index + 1}:r${index}`));
    expect(log.durableSeq).toBe(100);
    expect(log.nextSeq).toBe(101);
    expect(log.stats().commits).toBeLessThan(100);
    await log.close();
  });

  test("batches are one commit each, and are numbered where they were called", async () => {
    const log = await openAt(await store.make());
    const first = log.append(bytesOf("a"));
    const batch = log.appendBatch([bytesOf("b"), bytesOf("c"), bytesOf("d")]);
    const last = log.append(bytesOf("e"));
    expect(await first).toBe(1);
    expect(await batch).toEqual({ first: 2, last: 4 });
    expect(await last).toBe(5);
    expect(await texts(log)).toEqual(["1:a", "2:b", "3:c", "4:d", "5:e"]);
    const batches = await all(log.readBatches());
    const holding = batches.filter((it) => it.firstSeq <= 4 && it.lastSeq >= 2);
    expect(holding, "a batch is never parted").toHaveLength(1);
    await log.close();
  });

  test("what was appended is there again, and numbers go on", async () => {
    const place = await store.make();
    for (let round = 0; round < 5; round++) {
      const log = await openAt(place);
      expect(log.recovery.closedCleanly).toBe(true);
      expect(log.recovery.tornTail).toBeUndefined();
      expect(log.recovery.copiedRecords).toBe(0);
      expect(log.firstSeq).toBe(1);
      expect(log.nextSeq).toBe(round * 2 + 1);
      expect(log.durableSeq).toBe(round * 2);
      expect(await log.append(bytesOf(`a${round}`))).toBe(round * 2 + 1);
      expect(await log.append(bytesOf(`b${round}`))).toBe(round * 2 + 2);
      await log.close();
    }
    const log = await openAt(place);
    expect(await texts(log)).toEqual([0, 1, 2, 3, 4].flatMap((it) => [`${it * 2 + 1}:a${it}`, `${it * 2 + 2}:b${it}`]));
    await log.close();
  });

  test("a log keeps its identity, and two logs have different ones", async () => {
    const place = await store.make();
    const log = await openAt(place);
    if (store.appendable) expect(log.logId, "an identity comes with the first file").toBeUndefined();
    await log.append(bytesOf("a"));
    expect(log.logId).toMatch(/^[0-9a-f]{32}$/);
    await log.close();
    const again = await openAt(place);
    expect(again.logId).toBe(log.logId);
    const other = await openAt(place, { prefix: "tenants/a/orders" });
    await other.append(bytesOf("other"));
    expect(other.logId).not.toBe(log.logId);
    expect(await texts(again)).toEqual(["1:a"]);
    await again.close();
    await other.close();
  });

  test("of two writers one is refused: where there are locks the second, until the first has closed, else the first, for ever", async () => {
    const place = await store.make();
    const log = await openAt(place);
    if (!store.appendable) {
      const second = await openAt(place);
      expect(await walError(log.append(bytesOf("late")), "WAL_FENCED")).toMatchObject({ outcome: "not_applied", firstSeq: 1, lastSeq: 1 });
      await log.close();
      expect(await second.append(bytesOf("a"))).toBe(1);
      expect(await texts(second)).toEqual(["1:a"]);
      await second.close();
      return;
    }
    const error = await holdfastError(openAt(place), "STORAGE_LOCKED");
    expect(error.key).toContain("orders/.lock");
    await log.close();
    await (await openAt(place)).close();
  });

  test("the first sequence number of a new log can be chosen, and is not chosen again", async () => {
    const place = await store.make();
    const log = await openAt(place, { startSeq: 1000 });
    expect([log.firstSeq, log.nextSeq, log.durableSeq]).toEqual([1000, 1000, 999]);
    expect(await log.append(bytesOf("a"))).toBe(1000);
    await walError(log.get(999), "WAL_TRIMMED");
    await log.close();
    const again = await openAt(place, { startSeq: 5 });
    expect([again.firstSeq, again.nextSeq, again.durableSeq]).toEqual([1000, 1001, 1000]);
    expect(await texts(again)).toEqual(["1000:a"]);
    await again.close();
  });

  test("records may be empty, and as large as a commit", async () => {
    const place = await store.make();
    const log = await openAt(place, { maxCommitBytes: 2 * MIB, segmentBytes: MIB });
    const large = payload("large", 2 * MIB - headerBytes(store) - 4);
    await log.append(new Uint8Array(0));
    await log.append(large);
    await log.appendBatch([new Uint8Array(0), bytesOf("x"), new Uint8Array(0)]);
    const check = async (it: Log): Promise<void> => {
      const values = (await all(it.read())).map(({ value }) => value);
      expect(values.map((value) => value.length)).toEqual([0, large.length, 0, 1, 0]);
      expect(Buffer.compare(values[1]!, large)).toBe(0);
    };
    await check(log);
    const again = await reopened(log, place);
    await check(again);
    await again.close();
  });

  test("many records, segments and openings", async () => {
    const place = await store.make();
    const expected: string[] = [];
    for (let round = 0; round < 4; round++) {
      const log = await openAt(place, { segmentBytes: MIB, maxCommitBytes: 300_000 });
      const appends: Promise<unknown>[] = [];
      for (let index = 0; index < 40; index++) {
        const name = `${round}.${index}`;
        expected.push(name);
        appends.push(log.append(payload(name, index % 4 === 0 ? 100_000 : 300)));
      }
      await Promise.all(appends);
      await log.close();
    }
    const log = await openAt(place);
    const names = (await all(log.read())).map(({ seq, value }) => `${seq}:${nameIn(value)}`);
    expect(names).toEqual(expected.map((name, index) => `${index + 1}:${name}`));
    const backwards = (await all(log.read({ reverse: true }))).map(({ seq, value }) => `${seq}:${nameIn(value)}`);
    expect(backwards).toEqual(names.toReversed());
    await log.close();
  });

  test("close waits for everything that was appended", async () => {
    const place = await store.make();
    const log = await openAt(place, { maxPendingBytes: 64 });
    const appends = Array.from({ length: 50 }, (_, index) => log.append(bytesOf(`record ${index}`)));
    const settled: number[] = [];
    for (const it of appends) void it.then((seq) => settled.push(seq));
    await log.close();
    await Promise.resolve();
    expect(settled).toHaveLength(50);
    const again = await openAt(place);
    expect(again.nextSeq).toBe(51);
    expect(again.recovery.closedCleanly).toBe(true);
    await again.close();
  });

  test("trim forgets what is below, for this and every later opening", async () => {
    const place = await store.make();
    const log = await openAt(place, { segmentBytes: MIB });
    for (let index = 1; index <= 12; index++) await log.append(payload(`r${index}`, 300_000));
    const before = (await place.files()).size;
    await log.trim(8);
    expect(log.firstSeq).toBe(8);
    expect(await seqs(log)).toEqual([8, 9, 10, 11, 12]);
    expect((await walError(log.get(7), "WAL_TRIMMED")).firstSeq).toBe(8);
    expect((await walError(all(log.read({ from: 7 })), "WAL_TRIMMED")).firstSeq).toBe(8);
    expect((await walError(all(log.readBatches({ from: 7 })), "WAL_TRIMMED")).firstSeq).toBe(8);
    expect((await walError(all(log.read({ from: 7, reverse: true })), "WAL_TRIMMED")).firstSeq).toBe(8);
    await log.trim(3);
    expect(log.firstSeq, "a lower floor changes nothing").toBe(8);
    const again = await reopened(log, place);
    expect((await place.files()).size).toBeLessThan(before);
    expect(again.firstSeq).toBe(8);
    expect(await seqs(again)).toEqual([8, 9, 10, 11, 12]);
    // Without a segment of its own.
    await again.trim(10);
    expect(again.firstSeq).toBe(10);
    const third = await reopened(again, place);
    expect(third.firstSeq).toBe(10);
    // Beyond the end: everything.
    await third.trim(1000);
    expect(third.firstSeq).toBe(13);
    expect(await seqs(third)).toEqual([]);
    expect(await third.append(bytesOf("next"))).toBe(13);
    const fourth = await reopened(third, place);
    expect(await texts(fourth)).toEqual(["13:next"]);
    await fourth.close();
  });

  test("a log that was trimmed to nothing and opened again still knows where it was", async () => {
    const place = await store.make();
    const log = await openAt(place);
    await log.append(bytesOf("a"));
    await log.append(bytesOf("b"));
    await log.trim(3);
    const again = await reopened(log, place);
    // Of objects the newest one stays: it shows where the log ends. The next opening adds a newer one.
    expect([again.firstSeq, again.nextSeq, again.durableSeq]).toEqual([store.appendable ? 3 : 2, 3, 2]);
    expect(await seqs(again)).toEqual(store.appendable ? [] : [2]);
    await again.trim(3);
    expect(again.firstSeq).toBe(3);
    expect(await seqs(again)).toEqual([]);
    const third = await reopened(again, place);
    expect(await third.append(bytesOf("c"))).toBe(3);
    await third.close();
  });

  test("commits at block boundaries are read like others", async () => {
    const place = await store.make();
    const log = await openAt(place, { commitAlignBytes: 4096 });
    for (let index = 1; index <= 5; index++) await log.append(bytesOf(`r${index}`));
    await log.trim(2);
    const again = await reopened(log, place);
    expect(await texts(again)).toEqual(["2:r2", "3:r3", "4:r4", "5:r5"]);
    // The option is a property of a segment: the next one may have another.
    await again.append(bytesOf("r6"));
    await again.close();
    const third = await openAt(place);
    expect(await texts(third, { from: 5 })).toEqual(["5:r5", "6:r6"]);
    await third.close();
  });

});

describe.each(everyStore)("order, in $name", (store) => {
  test("the value is encoded and copied before the call returns", async () => {
    const { log, gate } = await gated(store);
    const shared = Buffer.from("one");
    const first = log.append(shared);
    shared.write("two");
    const second = log.appendBatch([shared, shared]);
    shared.write("xxx");
    await turns();
    const third = log.append(shared);
    shared.write("yyy");
    gate.open();
    await Promise.all([first, second, third]);
    shared.write("zzz");
    expect(await texts(log)).toEqual(["1:one", "2:two", "3:two", "4:xxx"]);
    await log.close();
  });

  test("also while it waits for room", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 10 });
    const shared = Buffer.from("one");
    const appends = [log.append(shared)];
    shared.write("two");
    appends.push(log.append(shared), log.appendBatch([shared]).then((it) => it.first));
    shared.write("xxx");
    await turns();
    gate.open();
    expect(await Promise.all(appends)).toEqual([1, 2, 3]);
    expect(await texts(log)).toEqual(["1:one", "2:two", "3:two"]);
    await log.close();
  });

  test("a codec may answer the same array each time", async () => {
    const scratch = new Uint8Array(8);
    const codec: Codec<number> = {
      name: "scratch",
      encode(value) {
        new DataView(scratch.buffer).setFloat64(0, value);
        return scratch;
      },
      decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0),
    };
    const log = await openLog({ storage: await (await store.make()).open(), prefix: "orders", codec });
    await Promise.all([log.append(1.5), log.appendBatch([2.5, 3.5, 4.5]), log.append(5.5)]);
    expect((await all(log.read())).map((it) => it.value)).toEqual([1.5, 2.5, 3.5, 4.5, 5.5]);
    expect(await all(log.readBatches())).toMatchObject([{ firstSeq: 1, lastSeq: 5, values: [1.5, 2.5, 3.5, 4.5, 5.5] }]);
    await log.close();
  });

  test("a codec that appends while it encodes does not mix up the numbers", async () => {
    const inner: Promise<number>[] = [];
    let depth = 0;
    const codec: Codec<string> = {
      name: "nested",
      encode(value) {
        if (depth === 0) {
          depth++;
          inner.push(log.append(`inner of ${value}`));
          depth--;
        }
        return Buffer.from(value);
      },
      decode: (bytes) => Buffer.from(bytes).toString(),
    };
    const log: Log<string> = await openLog({ storage: await (await store.make()).open(), prefix: "orders", codec });
    depth++;
    void log.append("gathering already");
    depth--;
    const { first, last } = await log.appendBatch(["a", "b"]);
    const found = new Map((await all(log.read())).map(({ seq, value }) => [seq, value]));
    expect(found.size).toBe(5);
    expect([found.get(first), found.get(last)]).toEqual(["a", "b"]);
    expect(last).toBe(first + 1);
    expect(found.get(await inner[0]!)).toBe("inner of a");
    expect(found.get(await inner[1]!)).toBe("inner of b");
    await log.close();
  });

  test("a codec that abandons an append while it encodes lets nothing in between", async () => {
    const abandon = new AbortController();
    const inner: Promise<unknown>[] = [];
    const codec: Codec<string> = {
      name: "abandoning",
      encode(value) {
        if (value === "b") {
          inner.push(log.append("abandoned", { signal: abandon.signal }).catch((error: unknown) => error), log.append("behind it"));
          abandon.abort("enough");
        }
        return Buffer.from(value);
      },
      decode: (bytes) => Buffer.from(bytes).toString(),
    };
    const log: Log<string> = await openLog({ storage: await (await store.make()).open(), prefix: "orders", codec });
    void log.append("gathering already");
    expect(await log.appendBatch(["a", "b"])).toEqual({ first: 3, last: 4 });
    expect(await Promise.all(inner)).toEqual(["enough", 2]);
    expect((await all(log.read())).map(({ value }) => value)).toEqual(["gathering already", "behind it", "a", "b"]);
    await log.close();
  });

  test("values that were read may be kept", async () => {
    const log = await openAt(await store.make());
    for (let index = 0; index < 300; index++) await log.append(payload(`r${index}`, 1000));
    const kept = await all(log.read());
    await all(log.read());
    expect(kept.every(({ seq, value }) => nameIn(value) === `r${seq - 1}`)).toBe(true);
    await log.close();
  });

  test("the times of commits never go back", async () => {
    const place = await store.make();
    const clock = new ManualClock(2_000_000);
    let log = await openAt(place, { clock });
    await log.append(bytesOf("a"));
    clock.setWall(1_000_000);
    await log.append(bytesOf("b"));
    log = await reopened(log, place, { clock });
    await log.append(bytesOf("c"));
    clock.setWall(3_000_000);
    await log.append(bytesOf("d"));
    expect((await all(log.readBatches())).map((it) => it.committedAtMs)).toEqual([2_000_000, 2_000_000, 2_000_000, 3_000_000]);
    await log.close();
  });
});

describe.each(everyStore)("expectedSeq, in $name", (store) => {
  test("appends only as the next record", async () => {
    const log = await openAt(await store.make());
    expect(await log.append(bytesOf("a"), { expectedSeq: 1 })).toBe(1);
    const error = await walError(log.append(bytesOf("b"), { expectedSeq: 1 }), "WAL_CONFLICT");
    expect(error).toMatchObject({ seq: 2, outcome: "not_applied", operation: "append" });
    await walError(log.append(bytesOf("b"), { expectedSeq: 3 }), "WAL_CONFLICT");
    await walError(log.appendBatch([bytesOf("b"), bytesOf("c")], { expectedSeq: 3 }), "WAL_CONFLICT");
    expect(await log.appendBatch([bytesOf("b"), bytesOf("c")], { expectedSeq: 2 })).toEqual({ first: 2, last: 3 });
    expect(await texts(log)).toEqual(["1:a", "2:b", "3:c"]);
    await log.close();
  });

  test("of several with the same number the first wins, whatever else is appended", async () => {
    const { log, gate } = await gated(store);
    const results = [
      log.append(bytesOf("a")),
      log.append(bytesOf("b"), { expectedSeq: 2 }),
      log.append(bytesOf("lost"), { expectedSeq: 2 }),
      log.appendBatch([bytesOf("lost")], { expectedSeq: 2 }),
      log.append(bytesOf("c"), { expectedSeq: 3 }),
    ];
    gate.open();
    const outcomes = await Promise.allSettled(results);
    expect(outcomes.map((it) => it.status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(await texts(log)).toEqual(["1:a", "2:b", "3:c"]);
    await log.close();
  });

  test("is decided where the append stands when it has waited", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 10 });
    const first = log.append(bytesOf("abcdef"));
    const abandon = new AbortController();
    const abandoned = log.append(bytesOf("abcdef"), { signal: abandon.signal });
    const second = log.append(bytesOf("second"), { expectedSeq: 2 });
    const third = log.append(bytesOf("third"), { expectedSeq: 2 });
    abandon.abort(new Error("enough"));
    await expect(abandoned).rejects.toThrow("enough");
    const conflict = walError(third, "WAL_CONFLICT");
    gate.open();
    expect([await first, await second]).toEqual([1, 2]);
    expect((await conflict).seq).toBe(3);
    await log.close();
  });
});

describe.each(everyStore)("limits, in $name", (store) => {
  test("a record or batch over maxCommitBytes is refused before anything is written", async () => {
    const log = await openAt(await store.make(), { maxCommitBytes: 4096 });
    const most = 4096 - headerBytes(store) - 4;
    const { writtenBytes } = log.stats();
    const error = await walError(log.append(new Uint8Array(most + 1)), "WAL_TOO_LARGE");
    expect(error.outcome).toBe("not_applied");
    await walError(log.appendBatch([new Uint8Array(most - 4), new Uint8Array(1)]), "WAL_TOO_LARGE");
    expect(log.nextSeq).toBe(1);
    expect(log.stats()).toMatchObject({ commits: 0, writtenBytes, pendingBytes: 0, pendingRecords: 0 });
    expect(await log.append(new Uint8Array(most))).toBe(1);
    expect(await log.appendBatch([new Uint8Array(most - 4), new Uint8Array(0)])).toEqual({ first: 2, last: 3 });
    await log.close();
  });

  test("a refused batch leaves what was gathered before it as it was", async () => {
    const { log, gate } = await gated(store, { maxCommitBytes: 4096 });
    const before = [log.append(bytesOf("a")), log.append(bytesOf("b"))];
    const refused = walError(log.appendBatch([bytesOf("x"), new Uint8Array(5000)]), "WAL_TOO_LARGE");
    const fits = log.appendBatch([new Uint8Array(2000), new Uint8Array(1900)]);
    const refusedToo = walError(log.appendBatch([new Uint8Array(4000), new Uint8Array(4000)]), "WAL_TOO_LARGE");
    const behind = log.append(bytesOf("c"));
    gate.open();
    expect(await Promise.all(before)).toEqual([1, 2]);
    expect(await fits).toEqual({ first: 3, last: 4 });
    expect(await behind).toBe(5);
    await refused;
    await refusedToo;
    expect(await seqs(log)).toEqual([1, 2, 3, 4, 5]);
    await log.close();
  });

  test("a commit never exceeds maxCommitBytes, however much waits", async () => {
    const { log, gate } = await gated(store, { maxCommitBytes: 4096 });
    const appends = Array.from({ length: 30 }, (_, index) => log.append(payload(`r${index}`, 900)));
    appends.push(...Array.from({ length: 5 }, () => log.appendBatch([new Uint8Array(1500), new Uint8Array(1500)]).then((it) => it.first)));
    gate.open();
    await Promise.all(appends);
    const batches = await all(log.readBatches());
    for (const { values } of batches) expect(values.reduce((sum, value) => sum + 4 + value.length, headerBytes(store))).toBeLessThanOrEqual(4096);
    expect(batches.flatMap(({ values }) => values)).toHaveLength(40);
    await log.close();
  });

  test("a commit never has more records than the format allows, however it came about", { timeout: 20_000 }, async () => {
    const place = await store.make();
    const gate = gatedBackend(await place.open());
    const log = await openLog({ storage: gate.backend, prefix: "orders", maxPendingBytes: 6 * MIB });
    const first = log.append(new Uint8Array(5 * MIB));
    const empty = new Uint8Array(0);
    const many = Array.from({ length: 700_000 }, () => empty);
    const batches = [log.appendBatch(many), log.appendBatch(many)];
    await turns();
    gate.open();
    await Promise.all([first, ...batches]);
    await log.close();
    const again = await openAt(place);
    expect(again.nextSeq).toBe(1_400_002);
    const counts: number[] = [];
    for await (const batch of again.readBatches()) counts.push(batch.values.length);
    expect(counts).toEqual([1, 700_000, 700_000]);
    await again.close();
  });

  test("a batch has at least one record", async () => {
    const log = await openAt(await store.make());
    expect((await walError(log.appendBatch([]), "WAL_INVALID_ARGUMENT")).outcome).toBe("not_applied");
    await log.close();
  });

  test("when the sequence numbers are used up, appends are refused and the rest goes on", async () => {
    const log = await openAt(await store.make(), { startSeq: Number.MAX_SAFE_INTEGER });
    expect((await walError(log.append(bytesOf("a")), "WAL_FULL")).outcome).toBe("not_applied");
    expect((await walError(log.appendBatch([bytesOf("a")]), "WAL_FULL")).outcome).toBe("not_applied");
    await log.sync();
    await log.trim(Number.MAX_SAFE_INTEGER);
    expect(await texts(log)).toEqual([]);
    await log.close();
  });

  test("an option that is null is one that is not given", async () => {
    const place = await store.make();
    const none = { codec: null, parent: null, clock: null, random: null, durability: null, startSeq: null } as unknown as { readonly codec?: undefined };
    const log = await openLog({ storage: await place.open(), prefix: "orders", ...none });
    expect(await log.append(bytesOf("a"))).toBe(1);
    expect(await texts(log)).toEqual(["1:a"]);
    expect(await log.parent()).toBeUndefined();
    await log.close();
    const reader = await openLogReader({ storage: await place.open(), prefix: "orders", ...none });
    expect(await texts(reader)).toEqual(["1:a"]);
    await reader.close();
  });

  test("options and arguments out of their bounds are refused", async () => {
    const place = await store.make();
    const storage = await place.open();
    const refused: Partial<LogOptions>[] = [
      { segmentBytes: 16 * 1024 - 1 },
      { segmentBytes: 1025 * MIB },
      { maxCommitBytes: 4095 },
      { maxCommitBytes: 16 * MIB + 1 },
      { maxPendingBytes: -1 },
      { maxPendingBytes: 1.5 },
      { idleMarkerMs: 0 },
      { startSeq: 0 },
      { startSeq: 2 ** 53 },
      { commitAlignBytes: 16 as 8 },
      { durability: "fast" as "synced" },
      { durability: {} as { syncEveryMs: number } },
      { durability: { syncEveryMs: 0 } },
      { durability: { syncEveryMs: 60_001 } },
      { lingerMs: 10_001 },
      { packObjects: 1 },
      { packObjects: 4097 },
      { commitTimeoutMs: -1 },
      { commitTimeoutMs: 3_600_001 },
      { takeoverTimeoutMs: -1 },
      { takeoverTimeoutMs: 3_600_001 },
    ];
    for (const options of refused) {
      const error = await walError(openLog({ storage, prefix: "orders", ...options, codec: undefined }), "WAL_INVALID_ARGUMENT");
      expect(error.message).toContain(Object.keys(options)[0]);
    }
    for (const none of [null, undefined, "storage"] as unknown as StorageBackend[]) {
      const options = { storage: none, prefix: "orders" };
      for (const refusing of [openLog(options), openLogReader(options), verifyLog(options), mergeLog(options)]) {
        const error = await walError(refusing, "WAL_INVALID_ARGUMENT");
        expect(error.message).toContain("storage");
      }
    }
    await holdfastError(openLog({ storage, prefix: "../orders" }), "STORAGE_INVALID_KEY");
    expect(await place.files(), "nothing was changed").toEqual(new Map());
    const log = await openLog({ storage, prefix: "orders" });
    for (const seq of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      await walError(log.get(seq), "WAL_INVALID_ARGUMENT");
      await walError(log.trim(seq), "WAL_INVALID_ARGUMENT");
      await walError(all(log.read({ from: seq })), "WAL_INVALID_ARGUMENT");
      await walError(all(log.follow({ from: seq })), "WAL_INVALID_ARGUMENT");
      await walError(all(log.readBatches({ from: seq })), "WAL_INVALID_ARGUMENT");
    }
    await walError(all(log.read({ limit: -1 })), "WAL_INVALID_ARGUMENT");
    await walError(all(log.read({ to: -1 })), "WAL_INVALID_ARGUMENT");
    await log.close();
  });
});

describe.each(everyStore)("reading, in $name", (store) => {
  async function tenRecords(): Promise<Log> {
    const log = await openAt(await store.make());
    await log.append(bytesOf("r1"));
    await log.appendBatch([2, 3, 4, 5].map((it) => bytesOf(`r${it}`)));
    await log.append(bytesOf("r6"));
    await log.appendBatch([7, 8, 9].map((it) => bytesOf(`r${it}`)));
    await log.append(bytesOf("r10"));
    return log;
  }

  test("every range, forwards and backwards, with every limit", async () => {
    const log = await tenRecords();
    const expected = Array.from({ length: 10 }, (_, index) => `${index + 1}:r${index + 1}`);
    for (let from = 1; from <= 12; from++) {
      for (let to = 0; to <= 12; to++) {
        for (const limit of [undefined, 0, 1, 2, 3, 20]) {
          const range = { from, to, ...(limit === undefined ? {} : { limit }) };
          const wanted = expected.slice(from - 1, Math.max(to, from - 1));
          expect(await texts(log, range), JSON.stringify(range)).toEqual(wanted.slice(0, limit));
          expect(await texts(log, { ...range, reverse: true }), JSON.stringify(range)).toEqual(wanted.toReversed().slice(0, limit));
          const batches = await all(log.readBatches(range));
          expect(batches.flatMap((it) => it.values.map((value, at) => `${it.firstSeq + at}:${Buffer.from(value).toString()}`))).toEqual(wanted.slice(0, limit));
          for (const it of batches) expect(it.lastSeq - it.firstSeq + 1).toBe(it.values.length);
        }
      }
    }
    await log.close();
  });

  test("get answers one record, or undefined for one that is not there yet", async () => {
    const log = await tenRecords();
    for (let seq = 1; seq <= 10; seq++) expect(show((await log.get(seq))!)).toBe(`${seq}:r${seq}`);
    expect(await log.get(11)).toBeUndefined();
    expect(await log.get(Number.MAX_SAFE_INTEGER)).toBeUndefined();
    await log.close();
  });

  test("an iterable begins anew for each loop, and ends where the log ended when the loop began", async () => {
    const log = await tenRecords();
    const records = log.read({ from: 9 });
    expect(await all(records)).toHaveLength(2);
    await log.append(bytesOf("r11"));
    expect(await all(records)).toHaveLength(3);
    const seen: number[] = [];
    for await (const { seq } of log.read()) {
      seen.push(seq);
      await log.append(bytesOf("more"));
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    await log.close();
  });

  test("a loop may be left, and calls of next need not be awaited one by one", async () => {
    const log = await tenRecords();
    for await (const { seq } of log.read()) if (seq === 3) break;
    const iterator = log.read()[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 12 }, () => iterator.next()));
    expect(results.map((it) => (it.done === true ? "end" : it.value.seq))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "end", "end"]);
    const left = log.read()[Symbol.asyncIterator]();
    await left.next();
    await left.return?.();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    await log.close();
  });

  test("an iterator has ended after an error, however it was called", async () => {
    const codec: Codec<string> = {
      name: "picky",
      encode: (value) => Buffer.from(value),
      decode(bytes) {
        const text = Buffer.from(bytes).toString();
        if (text === "bad") throw new Error("no");
        return text;
      },
    };
    const log = await openLog({ storage: await (await store.make()).open(), prefix: "orders", codec });
    await log.appendBatch(["a", "bad", "c"]);
    const one = log.read()[Symbol.asyncIterator]();
    await one.next();
    await walError(one.next(), "WAL_CODEC_FAILED");
    expect((await one.next()).done).toBe(true);
    const together = log.read()[Symbol.asyncIterator]();
    const results = await Promise.allSettled([together.next(), together.next(), together.next()]);
    expect(results.map((it) => (it.status === "rejected" ? "error" : it.value.done === true ? "end" : it.value.value.value))).toEqual(["a", "error", "end"]);
    await log.close();
  });

  test("an aborted signal ends it with its reason", async () => {
    const log = await tenRecords();
    const controller = new AbortController();
    const reason = new Error("enough");
    controller.abort(reason);
    const { signal } = controller;
    await expect(all(log.read({ signal }))).rejects.toBe(reason);
    await expect(all(log.readBatches({ signal }))).rejects.toBe(reason);
    await expect(log.get(3, { signal })).rejects.toBe(reason);
    await expect(log.get(99, { signal })).rejects.toBe(reason);
    await log.close();
  });

  test("large records and many small ones, backwards from the middle", async () => {
    const log = await openAt(await store.make(), { segmentBytes: MIB });
    for (let index = 1; index <= 400; index++) {
      if (index % 7 === 0) await log.append(payload(`r${index}`, 90_000));
      else await log.append(payload(`r${index}`, 500));
    }
    for (const to of [1, 6, 7, 8, 150, 399, 400]) {
      const found = (await all(log.read({ to, reverse: true, limit: 40 }))).map(({ seq, value }) => `${seq}=${nameIn(value)}`);
      expect(found).toEqual(Array.from({ length: Math.min(40, to) }, (_, index) => `${to - index}=r${to - index}`));
    }
    await log.close();
  });
});

describe.each(everyStore)("signals, in $name", (store) => {
  test("an aborted signal refuses before anything happens", async () => {
    const log = await openAt(await store.make());
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(log.append(bytesOf("a"), { signal })).rejects.toBe(reason);
    await expect(log.appendBatch([bytesOf("a")], { signal })).rejects.toBe(reason);
    expect(log.nextSeq).toBe(1);
    await log.close();
  });

  test("an append that has joined a commit is not abandoned", async () => {
    const { log, gate } = await gated(store);
    const controller = new AbortController();
    const append = log.append(bytesOf("a"), { signal: controller.signal });
    controller.abort(new Error("too late"));
    gate.open();
    expect(await append).toBe(1);
    expect(await texts(log)).toEqual(["1:a"]);
    await log.close();
  });

  test("one signal for a thousand appends that wait has one listener, and in the end none", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 10 });
    const warnings: Error[] = [];
    const noteWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", noteWarning);
    onTestFinished(() => void process.off("warning", noteWarning));
    const { signal } = new AbortController();
    const appends = Array.from({ length: 1000 }, (_, index) => log.append(payload(`r${index}`, 16), { signal }));
    expect(log.stats().waitingAppends).toBe(999);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    gate.open();
    await Promise.all(appends);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(warnings).toEqual([]);
    await log.close();
  });

  test("opening can be abandoned, and leaves no lock", async () => {
    const place = await store.make();
    const reason = new Error("enough");
    await expect(openAt(place, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const storage = await place.open();
    const slow: StorageBackend = {
      ...delegate(storage),
      list(prefix, options) {
        controller.abort(reason);
        return storage.list(prefix, options);
      },
    };
    await expect(openLog({ storage: slow, prefix: "orders", signal: controller.signal })).rejects.toBe(reason);
    await (await openAt(place)).close();
  });
});

describe.each(everyStore)("backpressure, in $name", (store) => {
  test("appends over the bound wait, keep their order, and go on as room is made", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 100 });
    const order: string[] = [];
    const appends = Array.from({ length: 20 }, (_, index) => {
      const append = index % 3 === 2 ? log.appendBatch([payload(`r${index}`, 16), payload(`r${index}`, 16)]) : log.append(payload(`r${index}`, 36));
      return append.then(() => order.push(`r${index}`));
    });
    await turns();
    expect(log.stats()).toMatchObject({ waitingAppends: 18, pendingBytes: 80, pendingRecords: 2 });
    gate.open();
    await Promise.all(appends);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => `r${index}`));
    expect(log.stats()).toMatchObject({ waitingAppends: 0, pendingBytes: 0, pendingRecords: 0, records: 26 });
    const names = (await all(log.read())).map(({ value }) => nameIn(value));
    expect(names).toEqual(Array.from({ length: 20 }, (_, index) => Array.from({ length: index % 3 === 2 ? 2 : 1 }, () => `r${index}`)).flat());
    await log.close();
  });

  test("one append is never too large for the bound", async () => {
    const log = await openAt(await store.make(), { maxPendingBytes: 0 });
    const appends = [log.append(new Uint8Array(1000)), log.append(new Uint8Array(0)), log.appendBatch([new Uint8Array(5000), new Uint8Array(1)])];
    await Promise.all(appends);
    expect(log.durableSeq).toBe(4);
    await log.close();
  });

  test("a waiting append can be abandoned; those behind it move up", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 20 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const first = log.append(bytesOf("first"));
    const large = log.append(new Uint8Array(100), { signal: controller.signal });
    const batch = log.appendBatch([bytesOf("x")], { signal: controller.signal });
    const small = log.append(bytesOf("small"));
    await turns();
    controller.abort(reason);
    await expect(large).rejects.toBe(reason);
    await expect(batch).rejects.toBe(reason);
    gate.open();
    expect([await first, await small]).toEqual([1, 2]);
    expect(await texts(log)).toEqual(["1:first", "2:small"]);
    await log.close();
  });

  test("sync covers what waits before it, and not what comes behind", async () => {
    const { log, gate } = await gated(store, { maxPendingBytes: 10 });
    const appends = [log.append(bytesOf("abcdef")), log.append(bytesOf("abcdef"))];
    const durableAtSync = log.sync().then(() => log.durableSeq);
    gate.open();
    expect(await durableAtSync).toBeGreaterThanOrEqual(2);
    await Promise.all(appends);
    await log.close();
  });

  test("a sync that waits behind them is answered when the log is closed", async () => {
    for (const durability of ["synced", { syncEveryMs: 1000 }] as const) {
      const { log, gate } = await gated(store, { maxPendingBytes: 10, durability });
      const appends = [log.append(bytesOf("abcdef")), log.append(bytesOf("ghijkl"))];
      const synced = log.sync().then(() => log.durableSeq);
      const closed = log.close();
      gate.open();
      expect(await synced).toBe(2);
      await Promise.all([...appends, closed]);
    }
  });

  test("close writes what waits", async () => {
    const { log, gate, place } = await gated(store, { maxPendingBytes: 10 });
    const appends = [log.append(bytesOf("abcdef")), log.append(bytesOf("ghijkl")), log.append(bytesOf("mnopqr"))];
    const closed = log.close();
    await walError(log.append(bytesOf("late")), "WAL_CLOSED");
    gate.open();
    await closed;
    expect(await Promise.all(appends)).toEqual([1, 2, 3]);
    const again = await openAt(place);
    expect(await texts(again)).toEqual(["1:abcdef", "2:ghijkl", "3:mnopqr"]);
    await again.close();
  });
});

describe.each(stores)("durability in $name", (store) => {
  test("in a relaxed log an append is readable when it is durable", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const log = await openAt(place, { durability: { syncEveryMs: 1000 }, clock });
    await log.append(bytesOf("a"));
    expect(log.durableSeq).toBe(0);
    expect(await texts(log)).toEqual([]);
    expect(await log.get(1)).toBeUndefined();
    await log.sync();
    expect(log.durableSeq).toBe(1);
    expect(await texts(log)).toEqual(["1:a"]);
    await log.append(bytesOf("b"));
    expect(await log.append(bytesOf("c"), { durability: "synced" })).toBe(3);
    expect(log.durableSeq).toBe(3);
    await log.append(bytesOf("d"));
    await log.close();
    const again = await openAt(place, { durability: { syncEveryMs: 1000 }, clock });
    expect(await texts(again)).toEqual(["1:a", "2:b", "3:c", "4:d"]);
    expect(again.recovery.closedCleanly).toBe(true);
    await again.close();
  });
});

describe("durability on objects", () => {
  test("is the same for every append: what is written is durable", async () => {
    const log = await openAt(memoryPlace(false), { durability: { syncEveryMs: 60_000 }, clock: new ManualClock() });
    await log.append(bytesOf("a"));
    expect(log.durableSeq).toBe(1);
    expect(await texts(log)).toEqual(["1:a"]);
    await log.close();
  });
});

describe("sync in relaxed logs", () => {
  test("is not put off by appends that keep coming", async () => {
    const log = await openAt(memoryPlace(), { durability: { syncEveryMs: 60_000 }, clock: new ManualClock() });
    let noise = 0;
    // Whenever a commit is written, the next one is there already.
    listen("holdfast:wal:commit", () => {
      if (noise < 1000) {
        noise++;
        void log.append(bytesOf("noise"));
      }
    });
    await log.append(bytesOf("first"));
    expect(await log.append(bytesOf("synced"), { durability: "synced" })).toBeLessThanOrEqual(log.durableSeq);
    const before = log.nextSeq - 1;
    await log.sync();
    expect(log.durableSeq).toBeGreaterThanOrEqual(before);
    expect(noise).toBeLessThan(1000);
    noise = 1000;
    await log.close();
  });

  test("happens by itself within the window", async () => {
    const clock = new ManualClock();
    const log = await openAt(memoryPlace(), { durability: { syncEveryMs: 500 }, idleMarkerMs: 60_000, clock });
    for (let round = 1; round <= 3; round++) {
      await log.append(bytesOf("a"));
      clock.advance(499);
      await turns();
      expect(log.durableSeq).toBe(round - 1);
      clock.advance(1);
      await turns();
      expect(log.durableSeq).toBe(round);
    }
    await log.close();
    expect(clock.timers).toBe(0);
  });
});

describe.each(everyStore)("closing, in $name", (store) => {
  test("is idempotent, and everything afterwards is refused", async () => {
    const log = await openAt(await store.make());
    await log.append(bytesOf("a"));
    const closing = log.close();
    expect(log.close()).toBe(closing);
    await closing;
    await log[Symbol.asyncDispose]();
    expect((await walError(log.append(bytesOf("b")), "WAL_CLOSED")).outcome).toBe("not_applied");
    expect((await walError(log.appendBatch([bytesOf("b")]), "WAL_CLOSED")).outcome).toBe("not_applied");
    await walError(log.trim(1), "WAL_CLOSED");
    await walError(log.sync(), "WAL_CLOSED");
    await walError(log.get(1), "WAL_CLOSED");
    await walError(all(log.read()), "WAL_CLOSED");
    await walError(all(log.readBatches()), "WAL_CLOSED");
    expect(await all(log.follow()), "a follower ends").toHaveLength(1);
    expect([log.firstSeq, log.nextSeq, log.durableSeq]).toEqual([1, 2, 1]);
  });

  test("a loop that is still reading is not told of harm when the next writer removes what it trims", async () => {
    const place = await store.make();
    const log = await openAt(place, { segmentBytes: 16 * 1024, packObjects: 8 });
    for (let index = 0; index < 120; index++) await log.append(payload(`r${index}`, 1000));
    const loops = [log.read(), log.read({ reverse: true }), log.follow(), log.readBatches()].map((it) => it[Symbol.asyncIterator]());
    for (const loop of loops) await loop.next();
    await log.close();
    const next = await openAt(place);
    await next.append(bytesOf("next"));
    await next.trim(110);
    await next.close();
    const codes: unknown[] = [];
    for (const loop of [...loops, log.follow()[Symbol.asyncIterator]()]) {
      const rest = { [Symbol.asyncIterator]: (): AsyncIterator<unknown> => loop };
      codes.push(await all(rest).then(() => "end", (error: unknown) => (error as Partial<WalError>).code));
    }
    const code = store.appendable ? "WAL_CLOSED" : "WAL_TRIMMED";
    expect(codes).toEqual([code, code, code, code, store.appendable ? code : "end"]);
  });

  test("a log that was only opened writes nothing, or its claim", async () => {
    const place = await store.make();
    await (await openAt(place)).close();
    if (!store.appendable) {
      for (let round = 0; round < 3; round++) await (await openAt(place)).close();
      expect([...(await place.files()).values()].map((bytes) => bytes.length)).toEqual([128, 128, 128, 128]);
      return;
    }
    expect([...(await place.files()).keys()]).toEqual([]);
    const log = await openAt(place);
    await log.append(bytesOf("a"));
    await log.close();
    const before = await contents(place);
    for (let round = 0; round < 3; round++) await (await openAt(place)).close();
    expect(await contents(place)).toEqual(before);
  });

  test("leaves no prepared segment and no prepared space behind", async () => {
    for (const store of stores) {
      const place = await store.make();
      const log = await openAt(place, { segmentBytes: MIB });
      for (let index = 0; index < 9; index++) await log.append(payload(`r${index}`, 100_000));
      expect(log.stats().segment).toBe(1);
      await log.close();
      const files = await place.files();
      expect([...files.keys()]).toEqual(["orders/reserve.wal", segment(1)]);
      const bytes = files.get(segment(1))!;
      expect(bytes.length).toBeLessThan(9 * 100_100 + 3 * 4096);
      // The checksum of the seal, of which one byte in 256 may be 0.
      expect([...bytes.subarray(-4)], "ends with the seal").not.toEqual([0, 0, 0, 0]);
    }
  });

  test("closes every file and its lock", async () => {
    const place = await directoryPlace();
    const port = faultPort();
    const storage = await place.openOver(port);
    const idle = port.openFiles;
    for (let round = 0; round < 3; round++) {
      const log = await openLog({ storage, prefix: "orders", segmentBytes: MIB });
      for (let index = 0; index < 5; index++) await log.append(payload(`r${index}`, 300_000));
      await log.trim(log.nextSeq - 1);
      await log.close();
      expect(port.openFiles).toBe(idle);
    }
  });
});

describe("idle markers", () => {
  test("one follows the last commit when nothing else does", async () => {
    const clock = new ManualClock();
    const log = await openAt(memoryPlace(), { clock });
    await log.append(bytesOf("a"));
    clock.advance(49);
    await turns();
    expect(log.stats().markers).toBe(0);
    await log.append(bytesOf("b"));
    clock.advance(30);
    await turns();
    expect(log.stats().markers, "the log was not idle").toBe(0);
    clock.advance(50);
    await turns();
    expect(log.stats().markers).toBe(1);
    clock.advance(10_000);
    await turns();
    expect(log.stats().markers, "one is enough").toBe(1);
    expect(clock.timers).toBe(0);
    await log.append(bytesOf("c"));
    await log.trim(2);
    clock.advance(200);
    await turns();
    expect(log.stats().markers).toBe(2);
    expect(await texts(log)).toEqual(["2:b", "3:c"]);
    await log.close();
  });

  test("an append that meets one waits for it", async () => {
    const clock = new ManualClock();
    const place = memoryPlace();
    const gate = gatedBackend(await place.open());
    gate.open();
    const log = await openLog({ storage: gate.backend, prefix: "orders", clock });
    await log.append(bytesOf("a"));
    gate.close();
    clock.advance(60);
    await turns();
    const append = log.append(bytesOf("b"));
    await turns();
    gate.open();
    expect(await append).toBe(2);
    expect(log.stats().markers).toBe(1);
    await log.close();
    const again = await openAt(place);
    expect(await texts(again)).toEqual(["1:a", "2:b"]);
    await again.close();
  });

  test("what a marker vouches for is not copied by the next opening", async () => {
    const place = memoryPlace();
    const clock = new ManualClock();
    const log = await openAt(place, { clock });
    await log.append(bytesOf("a"));
    clock.advance(60);
    await turns();
    await place.crash();
    const again = await openAt(place, { clock });
    expect(again.recovery).toMatchObject({ copiedRecords: 0, tornTail: undefined, closedCleanly: false });
    expect(await texts(again)).toEqual(["1:a"]);
    await again.close();
  });
});

describe("lack of room", () => {
  test("a segment that cannot be made harms nothing: the numbers are given out again", async () => {
    const place = memoryPlace();
    const gate = gatedBackend(await place.open());
    gate.open();
    const log = await openLog({ storage: gate.backend, prefix: "orders", segmentBytes: MIB, maxCommitBytes: 700_000 });
    gate.full = true;
    const first = await holdfastError(log.append(bytesOf("lost")), "STORAGE_FULL");
    expect(first).toMatchObject({ outcome: "not_applied", retryable: true });
    expect(log.nextSeq).toBe(1);
    expect([...(await place.files()).keys()]).toEqual([]);
    gate.full = false;
    expect(await log.append(payload("a", 600_000))).toBe(1);
    gate.full = true;
    // The first does not fit the segment; the others stand behind it and go with it.
    const failing = [log.append(payload("b", 600_000)), log.append(payload("c", 600_000)), log.appendBatch([bytesOf("d"), bytesOf("e")])];
    for (const it of failing) expect((await holdfastError(it, "STORAGE_FULL")).outcome).toBe("not_applied");
    expect(log.nextSeq).toBe(2);
    expect(await log.append(bytesOf("small ones still fit"))).toBe(2);
    gate.full = false;
    expect(await log.appendBatch([payload("f", 300_000), payload("g", 300_000)])).toEqual({ first: 3, last: 4 });
    expect(log.stats()).toMatchObject({ records: 4, pendingBytes: 0, pendingRecords: 0 });
    const names = async (it: Log): Promise<string[]> => (await all(it.read())).map(({ seq, value }) => `${seq}:${nameIn(value)}`);
    expect(await names(log)).toEqual(["1:a", "2:small ones still fit", "3:f", "4:g"]);
    await log.close();
    const again = await openAt(place);
    expect(await names(again)).toEqual(["1:a", "2:small ones still fit", "3:f", "4:g"]);
    expect(again.recovery.closedCleanly).toBe(true);
    await again.close();
  });

  test("a segment that cannot be prepared ahead is made when it is needed", async () => {
    const place = memoryPlace();
    const gate = gatedBackend(await place.open());
    gate.open();
    const problems: unknown[] = [];
    listen("holdfast:wal:problem", (event) => problems.push(event));
    const log = await openLog({ storage: gate.backend, prefix: "orders", segmentBytes: MIB });
    await log.append(payload("a", 700_000));
    gate.full = true;
    await log.append(payload("b", 200_000));
    await turns();
    expect(problems).toMatchObject([{ prefix: "orders/", what: "prepare the next segment" }]);
    gate.full = false;
    await log.append(payload("c", 700_000));
    expect(log.stats().rotations).toBe(1);
    expect(await seqs(log)).toEqual([1, 2, 3]);
    await log.close();
  });

  test("a preparation that fails while the log is closed does not fail the closing", async () => {
    const place = memoryPlace();
    const gate = gatedBackend(await place.open());
    gate.open();
    const log = await openLog({ storage: gate.backend, prefix: "orders", segmentBytes: MIB });
    await log.append(payload("a", 700_000));
    gate.full = true;
    const last = log.append(payload("b", 200_000));
    await last;
    await log.close();
    const again = await openAt(place);
    expect(await seqs(again)).toEqual([1, 2]);
    expect(again.recovery.closedCleanly).toBe(true);
    await again.close();
  });

  test("a preparation that fails only then does not fail the closing either", async () => {
    const storage = await memoryPlace().open();
    let fail = (): void => undefined;
    let opened = 0;
    const slow: StorageBackend = {
      ...delegate(storage),
      appendable: {
        lock: (prefix, options) => storage.appendable!.lock(prefix, options),
        open: (key, options) =>
          ++opened === 1
            ? storage.appendable!.open(key, options)
            : new Promise((_resolve, reject) => {
                fail = () => {
                  reject(new Error("EIO"));
                };
              }),
      },
    };
    const log = await openLog({ storage: slow, prefix: "orders", segmentBytes: MIB });
    await log.append(bytesOf("a"));
    await turns();
    await log.append(payload("b", 900_000));
    expect(opened).toBe(2);
    const closed = log.close();
    await turns();
    fail();
    await closed;
  });

  test("a failed write poisons: what it held is unknown, what stood behind it was not applied", async () => {
    const { log, gate, place } = await gated(memory, { maxPendingBytes: 200 });
    const before = log.append(bytesOf("before"));
    gate.open();
    await before;
    gate.close();
    const inCommit = log.append(bytesOf("a"));
    await turns();
    const gathered = [log.append(bytesOf("b")), log.appendBatch([bytesOf("c"), bytesOf("d")])];
    const waiting = log.append(payload("e", 500));
    const controls = [log.sync(), log.trim(1)];
    gate.failing = true;
    gate.open();
    const error = await walError(inCommit, "WAL_POISONED");
    expect(error).toMatchObject({ outcome: "unknown", firstSeq: 2, lastSeq: 2 });
    for (const it of [...gathered, waiting]) expect((await walError(it, "WAL_POISONED")).outcome).toBe("not_applied");
    for (const it of controls) await walError(it, "WAL_POISONED");
    const later = await walError(log.append(bytesOf("f")), "WAL_POISONED");
    expect(later).toMatchObject({ outcome: "not_applied", firstSeq: 2, lastSeq: 2 });
    await walError(log.trim(1), "WAL_POISONED");
    expect(await texts(log), "what is durable can be read").toEqual(["1:before"]);
    gate.failing = false;
    await log.close();
    const again = await openAt(place);
    expect(again.nextSeq).toBe(2);
    await again.close();
  });
});

describe("a long history", () => {
  test("that cannot be read back far enough refuses a trim, and nothing else", async () => {
    const place = memoryPlace();
    const log = await openAt(place, { segmentBytes: MIB });
    for (let seq = 1; seq <= 40; seq++) await log.append(payload(`r${seq}`, 600_000));
    await log.close();
    const storage = await place.open();
    let failing = true;
    const shaky: StorageBackend = {
      ...delegate(storage),
      read: (key, options) => (failing && key === segment(3) ? Promise.reject(new StorageError("STORAGE_READ_FAILED", "EIO", { operation: "read", key })) : storage.read(key, options)),
    };
    const again = await openLog({ storage: shaky, prefix: "orders", segmentBytes: MIB });
    expect(await again.append(bytesOf("r41"))).toBe(41);
    await walError(again.trim(3), "WAL_READ_FAILED");
    await walError(again.get(2), "WAL_READ_FAILED");
    expect(again.firstSeq).toBe(1);
    expect(await again.append(bytesOf("r42"))).toBe(42);
    failing = false;
    await again.trim(3);
    expect((await seqs(again))[0]).toBe(3);
    await again.close();
  });
});

describe("stats and events", () => {
  test("count what was done", async () => {
    const clock = new ManualClock();
    const place = memoryPlace();
    const log = await openAt(place, { clock, segmentBytes: MIB });
    expect(log.stats()).toEqual({
      commits: 0,
      records: 0,
      payloadBytes: 0,
      writtenBytes: 0,
      pendingRecords: 0,
      pendingBytes: 0,
      waitingAppends: 0,
      commitLatencyMs: { last: 0, mean: 0, max: 0 },
      commitRecords: { last: 0, mean: 0, max: 0 },
      segment: 0,
      rotations: 0,
      markers: 0,
      packs: 0,
    });
    await log.append(new Uint8Array(100));
    await log.appendBatch([new Uint8Array(10), new Uint8Array(20), new Uint8Array(30)]);
    const stats = log.stats();
    expect(stats).toMatchObject({ commits: 2, records: 4, payloadBytes: 160, segment: 1, commitRecords: { last: 3, mean: 2, max: 3 } });
    expect(stats.writtenBytes).toBeGreaterThan(160 + 4 * 4 + 2 * 48);
    await log.append(new Uint8Array(MIB - 1000));
    await log.append(new Uint8Array(MIB - 1000));
    expect(log.stats()).toMatchObject({ rotations: 2, segment: 3 });
    await log.close();
  });

  test("tell what happens", async () => {
    const events: string[] = [];
    for (const name of ["opened", "commit", "segment", "poisoned", "closed", "problem"]) {
      listen(`holdfast:wal:${name}`, (event) => {
        const { prefix, recovery, ...rest } = event as { prefix: string; recovery?: unknown };
        expect(prefix).toBe("orders/");
        if (name === "opened") expect(recovery).toMatchObject({ closedCleanly: true });
        events.push(`${name} ${JSON.stringify(rest)}`);
      });
    }
    const place = memoryPlace();
    const log = await openAt(place, { clock: new ManualClock() });
    await log.appendBatch([bytesOf("abc"), bytesOf("de")]);
    await log.append(bytesOf("f"));
    await log.close();
    expect(events).toEqual([
      'opened {"firstSeq":1,"nextSeq":1}',
      'segment {"action":"made","segment":1}',
      'segment {"action":"begun","segment":1}',
      'commit {"firstSeq":1,"records":2,"payloadBytes":5,"latencyMs":0,"segment":1}',
      'commit {"firstSeq":3,"records":1,"payloadBytes":1,"latencyMs":0,"segment":1}',
      "closed {}",
    ]);
  });

});

describe("what is drawn by chance", () => {
  test("comes from the random source", async () => {
    const lengths: number[] = [];
    const random = {
      bytes(length: number) {
        lengths.push(length);
        return systemRandom.bytes(length);
      },
    };
    const place = memoryPlace();
    const log = await openAt(place, { random });
    await log.append(bytesOf("a"));
    await log.close();
    expect(lengths).toEqual([16, 8, 65_536]);
  });
});

/** Bytes before the records of a commit. */
function headerBytes(store: Store): number {
  return store.appendable ? 48 : 128;
}

function segment(number: number): string {
  return `orders/segment/${String(number).padStart(20, "0")}.wal`;
}

async function seqs(log: Log): Promise<number[]> {
  return (await all(log.read())).map(({ seq }) => seq);
}

function nameIn(value: Uint8Array): string {
  const text = Buffer.from(value).toString("latin1");
  const end = text.indexOf("<");
  if (end < 0) return text;
  const name = text.slice(0, end);
  expect(text.endsWith(`>${name}`)).toBe(true);
  return name;
}

async function reopened(log: Log, place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  await log.close();
  return openAt(place, options);
}

function listen(name: string, listener: (event: unknown) => void): void {
  subscribe(name, listener);
  onTestFinished(() => {
    unsubscribe(name, listener);
  });
}
