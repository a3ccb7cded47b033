import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { storagePrefix, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, onTestFinished, test } from "vitest";
import { json, openLog, openLogReader, verifyLog, type Log, type LogOptions, type LogReader } from "../src/index.js";
import { contents, directoryPlace, everyStore, memoryPlace, stores, type Place } from "./support/backends.js";
import { all, bytesOf, payload, settled, texts, walError } from "./support/expecting.js";
import { Follower, poll, polled } from "./support/follower.js";
import { ManualClock } from "./support/manual-clock.js";

const MIB = 1024 * 1024;

async function openAt(place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", ...options, codec: undefined });
}

async function readerAt(place: Place, clock = new ManualClock()): Promise<LogReader> {
  return openLogReader({ storage: await place.open(), prefix: "orders", clock, pollMs: 20 });
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe.each(everyStore)("a reader elsewhere, in $name", (store) => {
  test("follows over rotations while the log is written, without a gap and without waiting for the next file", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const log = await openAt(place, { segmentBytes: MIB, packObjects: 5, clock });
    const reader = await readerAt(place, clock);
    const follower = new Follower(reader);
    let last = 0;
    for (let round = 0; round < 12; round++) {
      for (let count = 0; count < 3; count++) last = await log.append(payload(`r${last + 1}`, 90_000));
      expect(await polled(clock, () => follower.lastSeq === last || follower.ended !== undefined), `segment ${log.stats().segment}`).toBe(true);
      expect(follower.ended).toBeUndefined();
    }
    if (store.appendable) expect(log.stats().rotations).toBeGreaterThan(1);
    else expect(log.stats().packs).toBeGreaterThan(1);
    expect(follower.seqs).toEqual(range(1, last));
    await log.close();
    await reader.close();
    await follower.done;
    expect(follower.ended).toBe("end");
  });

  test("says which log it reads, once there is one", async () => {
    const place = await store.make();
    const reader = await readerAt(place);
    expect(reader.logId).toBeUndefined();
    const log = await openAt(place);
    await log.append(bytesOf("r1"));
    await log.close();
    expect(await reader.get(1)).toBeDefined();
    expect(reader.logId).toBe(log.logId);
    expect(reader.logId).toMatch(/^[0-9a-f]{32}$/);
    await reader.close();
  });

  test("follows over closings, crashes and openings", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    let reader = await readerAt(place, clock);
    let follower = new Follower(reader);
    const seen: number[] = [];
    let last = 0;
    for (let round = 0; round < 8; round++) {
      const log = await openAt(place, { clock });
      for (let count = 0; count < 3; count++) last = await log.append(bytesOf(`r${last + 1}`));
      await poll(clock, 2);
      if (round % 2 === 0) {
        await log.close();
      } else {
        // Its process is gone with its reader, and whatever that is told now, or waits for in vain, nobody hears.
        seen.push(...follower.seqs);
        await place.crash();
        reader = await readerAt(place, clock);
        follower = new Follower(reader, { from: (seen.at(-1) ?? 0) + 1 });
      }
    }
    const log = await openAt(place, { clock });
    expect(log.nextSeq).toBe(last + 1);
    await log.close();
    await poll(clock, 3);
    seen.push(...follower.seqs);
    expect(seen).toEqual(range(1, last));
    await follower.stop();
    await reader.close();
  });

  test("is not in the way of a trim, and is told of it", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const log = await openAt(place, { segmentBytes: MIB, packObjects: 5, clock });
    for (let seq = 1; seq <= 9; seq++) await log.append(payload(`r${seq}`, 400_000));
    const reader = await readerAt(place, clock);
    const iterator = reader.read()[Symbol.asyncIterator]();
    await iterator.next();
    await log.trim(8);
    await log.append(bytesOf("r10"));
    await settled();
    const rest = (async () => {
      const seqs: number[] = [];
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) seqs.push(next.value.seq);
      return seqs;
    })();
    expect((await walError(rest, "WAL_TRIMMED")).firstSeq).toBe(8);
    expect(reader.firstSeq).toBe(8);
    await walError(reader.get(7), "WAL_TRIMMED");
    await walError(all(reader.follow({ from: 7 })), "WAL_TRIMMED");
    const follower = new Follower(reader);
    await poll(clock, 2);
    expect(follower.seqs).toEqual(store.appendable ? [8, 9] : [8, 9, 10]);
    // A floor inside the newest segment, of which no file is removed.
    await log.trim(10);
    await log.append(bytesOf("r11"));
    // Of objects only every tenth look is a listing, which shows floors.
    await poll(clock, store.appendable ? 2 : 10);
    expect(reader.firstSeq).toBe(10);
    await follower.stop();
    await log.close();
    await reader.close();
  });

  test("takes no lock and changes nothing", async () => {
    const place = await store.make();
    const log = await openAt(place);
    await log.append(bytesOf("a"));
    await log.append(bytesOf("b"));
    await place.crash();
    const before = await contents(place);
    const readers = [await readerAt(place), await readerAt(place)];
    // Of objects what is there is durable; in a file the last commit has nothing behind it.
    for (const reader of readers) expect(await texts(reader)).toEqual(store.appendable ? ["1:a"] : ["1:a", "2:b"]);
    expect(await contents(place)).toEqual(before);
    const again = await openAt(place);
    for (const reader of readers) {
      await texts(reader);
      await reader.close();
    }
    await again.close();
  });
});

describe.each(stores)("evidence for a reader elsewhere, in $name", (store) => {
  test("delivers a record when something behind it vouches for it", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const log = await openAt(place, { clock });
    const reader = await readerAt(place);
    expect(await texts(reader)).toEqual([]);
    await log.append(bytesOf("a"));
    expect(await texts(reader), "the only evidence of a commit is what follows it").toEqual([]);
    expect(await reader.get(1)).toBeUndefined();
    await log.append(bytesOf("b"));
    expect(await texts(reader)).toEqual(["1:a"]);
    expect(await reader.get(2)).toBeUndefined();
    clock.advance(50);
    await settled();
    expect(log.stats().markers).toBe(1);
    expect(await texts(reader)).toEqual(["1:a", "2:b"]);
    expect((await reader.get(2))?.seq).toBe(2);
    await log.append(bytesOf("c"));
    await log.close();
    expect(await texts(reader), "the seal").toEqual(["1:a", "2:b", "3:c"]);
    expect(await texts(reader, { reverse: true, limit: 2 })).toEqual(["3:c", "2:b"]);
    expect(await all(reader.readBatches({ from: 2 }))).toMatchObject([
      { firstSeq: 2, lastSeq: 2 },
      { firstSeq: 3, lastSeq: 3 },
    ]);
    await reader.close();
  });

  test("what an interrupted writer left arrives when the log is opened for writing", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const before = await openAt(place, { clock });
    await before.append(bytesOf("a"));
    await before.append(bytesOf("b"));
    await place.crash();
    const reader = await readerAt(place, clock);
    const follower = new Follower(reader);
    await poll(clock, 5);
    expect(follower.seqs).toEqual([1]);
    const log = await openAt(place, { clock });
    expect(log.recovery.copiedRecords).toBe(1);
    await poll(clock, 1);
    clock.advance(50);
    await settled();
    expect(log.stats().markers).toBe(1);
    await poll(clock, 3);
    expect(follower.seqs).toEqual([1, 2]);
    await log.append(bytesOf("c"));
    await log.append(bytesOf("d"));
    await poll(clock, 1);
    expect(follower.seqs).toEqual([1, 2, 3]);
    await log.close();
    await poll(clock, 3);
    expect(follower.seqs).toEqual([1, 2, 3, 4]);
    await reader.close();
    await follower.done;
  });

  test("reads on when the file it reads was taken the place of", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    // The second segment is a small head, whose place the next writer's segment takes.
    const first = await openAt(place, { clock });
    for (let seq = 1; seq <= 3; seq++) await first.append(payload(`r${seq}`, 300_000));
    await first.close();
    const second = await openAt(place, { clock });
    for (let seq = 4; seq <= 9; seq++) await second.append(payload(`r${seq}`, 15_000));
    await second.close();
    const reader = await readerAt(place, clock);
    const forwards = reader.read()[Symbol.asyncIterator]();
    const backwards = reader.read({ reverse: true, to: 9 })[Symbol.asyncIterator]();
    expect((await forwards.next()).value).toMatchObject({ seq: 1 });
    expect((await backwards.next()).value).toMatchObject({ seq: 9 });
    const before = new Set((await place.files()).keys());
    const third = await openAt(place, { clock });
    await third.append(bytesOf("r10"));
    await third.append(bytesOf("r11"));
    await third.close();
    const after = new Set((await place.files()).keys());
    expect([...before].filter((it) => !after.has(it)), "the place was taken").toHaveLength(1);
    const rest: number[] = [];
    for (let next = await forwards.next(); next.done !== true; next = await forwards.next()) rest.push(next.value.seq);
    expect(rest).toEqual(range(2, 9));
    const back: number[] = [];
    for (let next = await backwards.next(); next.done !== true; next = await backwards.next()) back.push(next.value.seq);
    expect(back).toEqual(range(1, 8).toReversed());
    expect((await texts(reader, { from: 10 })).length).toBe(2);
    await reader.close();
  });
});

test("verify is not misled by a writer that takes the place of a segment meanwhile", async () => {
  const place = memoryPlace();
  for (const round of [1, 2]) {
    const log = await openAt(place);
    await log.append(bytesOf(`a${round}`));
    await log.close();
  }
  const storage = await place.open();
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    const log = await openAt(place);
    await log.append(bytesOf("b"));
    await log.close();
  };
  const meanwhile: StorageBackend = {
    ...delegate(storage),
    async read(key, options) {
      // The plan is made; the segments are walked now, two at a time, and no piece of them is given before the writer has gone on.
      if (options?.range?.offset === 8192) await (writing ??= write());
      return storage.read(key, options);
    },
  };
  const found = await verifyLog({ storage: meanwhile, prefix: "orders" });
  expect(writing).toBeDefined();
  expect(found.findings).toEqual([]);
  expect(found).toMatchObject({ firstSeq: 1, lastSeq: 3, records: 3 });
});

test("a reader in another process is given every record once, while it is written", { timeout: 20_000 }, async () => {
  const place = await directoryPlace();
  const log = await openAt(place, { segmentBytes: MIB });
  const child = spawn(process.execPath, [fileURLToPath(new URL("support/follow-elsewhere.js", import.meta.url)), place.root, "600"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const complaints = text(child.stderr);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("ready");
  for (let seq = 1; seq <= 600; seq++) {
    const append = log.append(payload(`r${seq}`, seq % 40 === 0 ? 200_000 : 400));
    if (seq % 25 === 0) await append;
  }
  await log.sync();
  // The last one is vouched for by the idle marker: the log stays open until it has arrived.
  const received: string[] = [];
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) received.push(line.value);
  expect(await complaints).toBe("");
  expect(await exited).toEqual([0, null]);
  expect(received).toEqual(range(1, 600).map((seq) => `${seq} r${seq}`));
  expect(log.stats().rotations).toBeGreaterThan(1);
  await log.close();
});

describe.each(everyStore)("a reader elsewhere, in $name,", (store) => {
  test("of a log that is not there yet waits for it, wherever it begins", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const reader = await readerAt(place, clock);
    const follower = new Follower(reader);
    expect(await texts(reader)).toEqual([]);
    expect(await reader.get(1)).toBeUndefined();
    await poll(clock, 2);
    const log = await openAt(place, { startSeq: 1000 });
    await log.append(bytesOf("a"));
    await poll(clock, 2);
    await log.close();
    await poll(clock, 2);
    expect(follower.ended).toBeUndefined();
    expect(follower.seqs).toEqual([1000]);
    expect(reader.firstSeq).toBe(1000);
    await follower.stop();
    await reader.close();
  });

  test("whose storage cannot be read says so, and goes on when it can", async () => {
    const place = await store.make();
    const log = await openAt(place);
    for (const text of ["a", "b", "c"]) await log.append(bytesOf(text));
    await log.close();
    const storage = await place.open();
    let failing = false;
    const shaky: StorageBackend = { ...delegate(storage), read: (key, options) => (failing ? Promise.reject(new Error("EIO")) : storage.read(key, options)) };
    const reader = await openLogReader({ storage: shaky, prefix: "orders", clock: new ManualClock() });
    failing = true;
    await expect(texts(reader)).rejects.toThrow("EIO");
    failing = false;
    expect(await texts(reader)).toEqual(["1:a", "2:b", "3:c"]);
    await reader.close();
  });

  test("ends its followers when it is closed, and stops looking", async () => {
    const place = await store.make();
    const clock = new ManualClock();
    const log = await openAt(place, { clock });
    await log.append(bytesOf("a"));
    await log.append(bytesOf("b"));
    const reader = await readerAt(place, clock);
    const followers = [new Follower(reader), new Follower(reader, { from: 5 })];
    await poll(clock, 1);
    await log.close();
    expect(clock.timers).toBe(2);
    await reader.close();
    await reader.close();
    await Promise.all(followers.map((it) => it.done));
    expect(followers.map((it) => it.ended)).toEqual(["end", "end"]);
    expect(clock.timers).toBe(0);
    await walError(all(reader.read()), "WAL_CLOSED");
    await walError(reader.get(1), "WAL_CLOSED");
    await walError(all(reader.readBatches()), "WAL_CLOSED");
    expect(await all(reader.follow()), "what it knew").toHaveLength(store.appendable ? 1 : 2);
  });

  test("decodes with its codec", async () => {
    const place = await store.make();
    const log = await openLog({ storage: await place.open(), prefix: "orders", codec: json<{ n: number }>() });
    await log.append({ n: 1 });
    await log.append({ n: 2 });
    await log.close();
    const reader = await openLogReader({ storage: await place.open(), prefix: "orders", codec: json<{ n: number }>() });
    expect(await all(reader.read())).toEqual([
      { seq: 1, value: { n: 1 } },
      { seq: 2, value: { n: 2 } },
    ]);
    await reader.close();
  });
});

describe("a reader elsewhere", () => {
  test("that is opened while the log is made does not take it for something else", async () => {
    const place = memoryPlace();
    const log = await openAt(place);
    const storage = await place.open();
    const meanwhile: StorageBackend = {
      ...delegate(storage),
      async *list(prefix, options) {
        yield* storage.list(prefix, options);
        if (log.nextSeq === 1) await log.append(bytesOf("a"));
      },
    };
    const reader = await openLogReader({ storage: meanwhile, prefix: "orders", clock: new ManualClock() });
    expect(log.nextSeq).toBe(2);
    await log.close();
    expect(await texts(reader)).toEqual(["1:a"]);
    await reader.close();
  });

  test("meets the beginnings of a write as something that is not there yet", async () => {
    const source = memoryPlace();
    const log = await openAt(source, { prepareAhead: false });
    await log.append(bytesOf("a"));
    await log.append(payload("b", 700));
    await log.append(bytesOf("c"));
    await log.close();
    const key = [...(await source.files()).keys()].find((it) => it.includes("segment/"))!;
    const whole = (await source.files()).get(key)!;
    const place = memoryPlace();
    const clock = new ManualClock();
    await place.put(key, whole.subarray(0, 8192));
    const reader = await readerAt(place, clock);
    const follower = new Follower(reader);
    // The file grows by a few bytes at a time, as if each write could be seen in parts.
    for (let size = 8192; size <= whole.length; size += 37) {
      await place.put(key, whole.subarray(0, size));
      await poll(clock, 1);
      expect(follower.ended).toBeUndefined();
    }
    await place.put(key, whole);
    await poll(clock, 25);
    expect(follower.seqs).toEqual([1, 2, 3]);
    await follower.stop();
    await reader.close();
  });

  test("reports damage to what is proven, and where", async () => {
    const place = memoryPlace();
    const log = await openAt(place);
    for (const text of ["a", "b", "c"]) await log.append(bytesOf(text));
    const reader = await readerAt(place);
    expect(await texts(reader)).toEqual(["1:a", "2:b"]);
    await log.close();
    const key = [...(await place.files()).keys()].find((it) => it.includes("segment/"))!;
    const bytes = (await place.files()).get(key)!;
    bytes[8192 + 48 + 4] = 0x7a;
    await place.put(key, bytes);
    const error = await walError(texts(reader), "WAL_CORRUPT");
    expect(error).toMatchObject({ key, offset: 8192 });
    await walError(readerAt(place), "WAL_CORRUPT");
    await reader.close();
  });

  test("refuses what is no log, and options out of their bounds", async () => {
    const place = memoryPlace();
    await place.put("orders/notes.txt", bytesOf("mine"));
    const storage = await place.open();
    await walError(openLogReader({ storage, prefix: "orders" }), "WAL_NOT_A_LOG");
    await expect(openLogReader({ storage, prefix: "../orders" })).rejects.toMatchObject({ code: "STORAGE_INVALID_KEY" });
    for (const pollMs of [0, 1.5, 60_001]) await walError(openLogReader({ storage, prefix: storagePrefix("other"), pollMs }), "WAL_INVALID_ARGUMENT");
    const reason = new Error("enough");
    await expect(openLogReader({ storage, prefix: "other", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
