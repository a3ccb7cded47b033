import { getEventListeners } from "node:events";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, onTestFinished, test } from "vitest";
import { json, openLog, openLogReader, type Log, type LogOptions } from "../src/index.js";
import { everyStore, memoryPlace, type Place } from "./support/backends.js";
import { all, bytesOf, payload, settled, show, turns, until } from "./support/expecting.js";
import { Follower } from "./support/follower.js";
import { gatedBackend } from "./support/gated-backend.js";
import { ManualClock } from "./support/manual-clock.js";

async function openAt(place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", ...options, codec: undefined });
}

/** A log, and how often its storage was asked for bytes. */
async function counted(place: Place): Promise<{ readonly log: Log; readonly reads: () => number; readonly isAppendable: boolean }> {
  const inner = await place.open();
  let count = 0;
  const storage: StorageBackend = {
    ...delegate(inner),
    read: (key, options) => {
      count++;
      return inner.read(key, options);
    },
    stream: (key, options) => {
      count++;
      return inner.stream(key, options);
    },
  };
  return { log: await openLog({ storage, prefix: "orders" }), reads: () => count, isAppendable: inner.appendable !== undefined };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe.each(everyStore)("following a log in $name", (store) => {
  test("gives what is there and what comes, each record once, in order", async () => {
    const log = await openAt(await store.make(), { segmentBytes: 1024 * 1024 });
    for (let seq = 1; seq <= 20; seq++) await log.append(payload(`r${seq}`, 2000));
    const followers = [new Follower(log), new Follower(log, { from: 15 }), new Follower(log, { from: 60 })];
    // One reads slowly.
    followers.push(new Follower(log, { from: 1 }, ({ seq }) => (seq % 7 === 0 ? turns(2) : undefined)));
    const appends: Promise<unknown>[] = [];
    for (let seq = 21; seq <= 120; seq++) {
      appends.push(seq % 10 === 0 ? log.append(payload(`r${seq}`, 120_000)) : log.append(payload(`r${seq}`, 300)));
      if (seq % 3 === 0) await turns(1);
    }
    await Promise.all(appends);
    await until(() => followers.every((it) => it.lastSeq === 120));
    await Promise.all(followers.map((it) => it.stop()));
    expect(followers.map((it) => it.seqs)).toEqual([range(1, 120), range(15, 120), range(60, 120), range(1, 120)]);
    for (const follower of followers) {
      for (const { seq, value } of follower.records) expect(Buffer.from(value).subarray(0, 6).toString()).toContain(`r${seq}<`);
      expect(follower.ended).toBe("end");
    }
    await log.close();
  });

  test("one that has caught up is given what was written: nothing is read back", async () => {
    const { log, reads, isAppendable } = await counted(await store.make());
    await log.append(bytesOf("r1"));
    const follower = new Follower(log);
    await until(() => follower.lastSeq === 1);
    // On object storage a log has what it wrote in memory anyway, until it is packed.
    if (isAppendable) expect(reads()).toBeGreaterThan(0);
    const before = reads();
    for (let seq = 2; seq <= 30; seq++) {
      const appended = seq % 4 === 0 ? log.appendBatch([bytesOf(`r${seq}`), bytesOf("more")]).then(({ first }) => first) : log.append(payload(`r${seq}`, seq * 1000));
      const first = await appended;
      await until(() => follower.lastSeq >= first);
    }
    expect(reads() - before).toBe(0);
    expect(follower.seqs).toEqual(range(1, log.nextSeq - 1));
    await follower.stop();
    const stored = await all(log.read());
    expect(follower.records.map(show)).toEqual(stored.map(show));
    // Nobody follows any more, so nothing is kept.
    const later = new Follower(log, { from: log.nextSeq - 1 });
    const stopped = reads();
    await until(() => later.lastSeq === log.nextSeq - 1);
    if (isAppendable) expect(reads()).toBeGreaterThan(stopped);
    await later.stop();
    await log.close();
  });

  test("one that falls far behind reads what is stored, and catches up", async () => {
    const { log, reads, isAppendable } = await counted(await store.make());
    let goOn = (): void => undefined;
    const follower = new Follower(log, {}, ({ seq }) => (seq === 3 || seq === 43 ? new Promise<void>((resolve) => (goOn = resolve)) : undefined));
    for (let seq = 1; seq <= 3; seq++) await log.append(payload(`r${seq}`, 100_000));
    await until(() => follower.lastSeq === 3);
    const before = reads();
    for (let seq = 4; seq <= 40; seq++) await log.append(payload(`r${seq}`, 100_000));
    await log.append(payload("large", 1_500_000));
    await log.append(bytesOf("small"));
    goOn();
    await until(() => follower.lastSeq === 42);
    if (isAppendable) expect(reads()).toBeGreaterThan(before);
    // One that is too large to be kept, between two that are not.
    await log.append(bytesOf("small"));
    await until(() => follower.lastSeq === 43);
    await log.append(payload("large", 1_500_000));
    await log.append(bytesOf("small"));
    goOn();
    await until(() => follower.lastSeq === 45);
    expect(follower.seqs).toEqual(range(1, 45));
    await follower.stop();
    expect(follower.records.map(show)).toEqual((await all(log.read())).map(show));
    await log.close();
  });

  test("values belong to the follower that got them", async () => {
    const log = await openAt(await store.make());
    const spoiling = new Follower(log, {}, ({ value }) => value.fill(255));
    let goOn = (): void => undefined;
    const late = new Follower(log, {}, ({ seq }) => (seq === 1 ? new Promise<void>((resolve) => (goOn = resolve)) : undefined));
    for (let seq = 1; seq <= 5; seq++) await log.append(bytesOf(`r${seq}`));
    await until(() => spoiling.lastSeq === 5);
    goOn();
    await until(() => late.lastSeq === 5);
    expect(late.records.map(({ value }) => Buffer.from(value).toString())).toEqual(["r1", "r2", "r3", "r4", "r5"]);
    await Promise.all([spoiling.stop(), late.stop()]);
    await log.close();
  });

  test("ends when the log is closed, behind the last record that was appended", async () => {
    const log = await openAt(await store.make());
    const followers = [new Follower(log), new Follower(log, { from: 1000 })];
    const appends = range(1, 50).map((seq) => log.append(bytesOf(`r${seq}`)));
    await log.close();
    await Promise.all([...appends, ...followers.map((it) => it.done)]);
    expect(followers.map((it) => it.ended)).toEqual(["end", "end"]);
    expect(followers.map((it) => it.seqs)).toEqual([range(1, 50), []]);
  });

  test("goes on over a trim behind it, and is told of one over it", async () => {
    const log = await openAt(await store.make(), { segmentBytes: 1024 * 1024 });
    const large = (seq: number): Uint8Array => payload(`r${seq}`, 400_000);
    for (let seq = 1; seq <= 6; seq++) await log.append(large(seq));
    let goOn = (): void => undefined;
    const ahead = new Follower(log);
    await until(() => ahead.lastSeq === 6);
    const behind = new Follower(log, {}, ({ seq }) => (seq === 1 ? new Promise<void>((resolve) => (goOn = resolve)) : undefined));
    await until(() => behind.lastSeq === 1);
    await log.trim(6);
    const late = new Follower(log, { from: 2 });
    const default_ = new Follower(log);
    await log.append(large(7));
    goOn();
    await until(() => ahead.lastSeq === 7 && default_.lastSeq === 7);
    expect(ahead.seqs).toEqual(range(1, 7));
    expect(default_.seqs).toEqual([6, 7]);
    await late.done;
    expect(late.ended).toMatchObject({ code: "WAL_TRIMMED", firstSeq: 6, seq: 2 });
    await behind.done;
    expect(behind.ended).toMatchObject({ code: "WAL_TRIMMED", firstSeq: 6 });
    // What it had been given before is true, and without a gap.
    expect(behind.seqs).toEqual(range(1, behind.lastSeq));
    await Promise.all([ahead.stop(), default_.stop()]);
    await log.close();
  });
});

describe.each(everyStore)("following, in $name", (store) => {
  test("can be abandoned at any time, quietly, and leaves nothing behind", async () => {
    const log = await openAt(await store.make());
    for (let seq = 1; seq <= 10; seq++) await log.append(bytesOf(`r${seq}`));
    expect(await all(log.follow({ signal: AbortSignal.abort(new Error("before")) }))).toEqual([]);
    const controller = new AbortController();
    const { signal } = controller;
    const seen: number[] = [];
    for await (const { seq } of log.follow({ signal })) {
      seen.push(seq);
      if (seq === 4) controller.abort(new Error("in the middle"));
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    const waiting = new Follower(log);
    await until(() => waiting.lastSeq === 10);
    await turns();
    await waiting.stop();
    expect(waiting.ended).toBe("end");
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await log.close();
  });

  test("leaving the loop is enough", async () => {
    const log = await openAt(await store.make());
    const { signal } = new AbortController();
    for (let seq = 1; seq <= 3; seq++) await log.append(bytesOf(`r${seq}`));
    for await (const { seq } of log.follow({ signal })) if (seq === 2) break;
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await log.close();
  });

  test("can be left while it waits, as a stream made of it is when it is destroyed", async () => {
    const place = await store.make();
    const log = await openAt(place);
    const reader = await openLogReader({ storage: await place.open(), prefix: "orders", clock: new ManualClock() });
    for (const source of [log, reader]) {
      const { signal } = new AbortController();
      const records = source.follow({ from: 1000, signal })[Symbol.asyncIterator]();
      const waiting = records.next();
      await settled();
      expect(await records.return?.()).toMatchObject({ done: true });
      expect(await waiting).toMatchObject({ done: true });
      expect(await records.next()).toMatchObject({ done: true });
      expect(getEventListeners(signal, "abort")).toEqual([]);
      const stream = Readable.from(source.follow()).resume();
      await settled();
      stream.destroy();
      await finished(stream).catch(() => undefined);
      expect(stream.closed).toBe(true);
    }
    await reader.close();
    await log.close();
  });

  test("delivers only what is durable", async () => {
    const place = await store.make();
    const gate = gatedBackend(await place.open());
    gate.open();
    onTestFinished(() => {
      gate.open();
    });
    const log = await openLog({ storage: gate.backend, prefix: "orders" });
    await log.append(bytesOf("a"));
    const follower = new Follower(log);
    gate.close();
    const append = log.append(bytesOf("b"));
    await settled();
    expect(follower.records.map(show)).toEqual(["1:a"]);
    gate.open();
    await append;
    await settled();
    expect(follower.records.map(show)).toEqual(["1:a", "2:b"]);
    await log.close();
    await follower.done;
  });

  test("throws when the log is poisoned, behind the last durable record", async () => {
    const place = await store.make();
    const gate = gatedBackend(await place.open());
    gate.open();
    const log = await openLog({ storage: gate.backend, prefix: "orders", commitTimeoutMs: 0 });
    await log.append(bytesOf("a"));
    const waiting = new Follower(log);
    const slow = new Follower(log, {}, () => turns(5));
    await until(() => waiting.lastSeq === 1);
    await log.append(bytesOf("b"));
    gate.failing = true;
    await expect(log.append(bytesOf("c"))).rejects.toMatchObject({ code: "WAL_POISONED" });
    await Promise.all([waiting.done, slow.done]);
    for (const it of [waiting, slow]) {
      expect(it.seqs).toEqual([1, 2]);
      expect(it.ended).toMatchObject({ code: "WAL_POISONED", firstSeq: 3, lastSeq: 3 });
    }
    const late = new Follower(log);
    await late.done;
    expect(late.seqs).toEqual([1, 2]);
    expect(late.ended).toMatchObject({ code: "WAL_POISONED" });
    await log.close();
  });

  test("throws at a record that the codec refuses, with its number", async () => {
    const place = await store.make();
    const raw = await openAt(place);
    await raw.append(bytesOf('{"a":1}'));
    await raw.append(bytesOf("{no json"));
    await raw.close();
    const log = await openLog({ storage: await place.open(), prefix: "orders", codec: json() });
    const follower = new Follower(log);
    await follower.done;
    expect(follower.records).toEqual([{ seq: 1, value: { a: 1 } }]);
    expect(follower.ended).toMatchObject({ code: "WAL_CODEC_FAILED", seq: 2 });
    await log.close();
  });

  test("each loop over one iterable follows by itself", async () => {
    const log = await openAt(await store.make());
    await log.append(bytesOf("a"));
    const records = log.follow();
    const one = records[Symbol.asyncIterator]();
    const other = records[Symbol.asyncIterator]();
    expect((await one.next()).value).toMatchObject({ seq: 1 });
    expect((await other.next()).value).toMatchObject({ seq: 1 });
    const next = [one.next(), other.next()];
    await log.append(bytesOf("b"));
    expect((await Promise.all(next)).map((it) => (it.done === true ? undefined : it.value.seq))).toEqual([2, 2]);
    await log.close();
    expect((await one.next()).done).toBe(true);
    expect((await other.next()).done).toBe(true);
  });
});

describe("following", () => {
  test("many followers under one signal are no leak to Node", async () => {
    const warnings: Error[] = [];
    const keep = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on("warning", keep);
    onTestFinished(() => void process.off("warning", keep));
    const log = await openAt(memoryPlace());
    const controller = new AbortController();
    const followers = Array.from({ length: 50 }, () => new Follower(log, { signal: controller.signal }));
    await log.append(bytesOf("a"));
    await until(() => followers.every((it) => it.lastSeq === 1));
    controller.abort();
    await Promise.all(followers.map((it) => it.done));
    await turns();
    expect(warnings).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    await log.close();
  });

  test("of a relaxed log delivers what was synced", async () => {
    const clock = new ManualClock();
    const log = await openAt(memoryPlace(), { durability: { syncEveryMs: 1000 }, idleMarkerMs: 60_000, clock });
    const follower = new Follower(log);
    await log.append(bytesOf("a"));
    await turns();
    expect(follower.seqs).toEqual([]);
    clock.advance(1000);
    await turns();
    expect(follower.seqs).toEqual([1]);
    await log.append(bytesOf("b"));
    await log.append(bytesOf("c"), { durability: "synced" });
    await turns();
    expect(follower.seqs).toEqual([1, 2, 3]);
    await log.append(bytesOf("d"));
    await log.close();
    await follower.done;
    expect(follower.seqs).toEqual([1, 2, 3, 4]);
    expect(follower.ended).toBe("end");
  });
});
