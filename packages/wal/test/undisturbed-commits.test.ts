import { describe, expect, onTestFinished, test, vi } from "vitest";
import { bytesCodec, openLog, verifyLog, type Codec, type Log } from "../src/index.js";
import { memoryPlace, type Place } from "./support/backends.js";
import { all, bytesOf, walError } from "./support/expecting.js";

/** Whatever goes wrong while records join a commit: the records before and behind them are stored as they were acknowledged. */

const kinds = [
  { kind: "files", appendable: true },
  { kind: "objects", appendable: false },
];

async function openTexts(place: Place, codec: Codec<string>): Promise<Log<string>> {
  return openLog({ storage: await place.open(), prefix: "orders", codec });
}

const texts: Codec<string> = { name: "texts", encode: (value) => bytesOf(value), decode: (bytes) => Buffer.from(bytes).toString() };

/** A codec that does something of its own the first time that it meets a text. */
function codecThat(meets: string, does: () => void): Codec<string> {
  let isDone = false;
  return {
    ...texts,
    encode(value) {
      if (value === meets && !isDone) {
        isDone = true;
        does();
      }
      return texts.encode(value);
    },
  };
}

/** Expects the log, closed and opened again, to hold these texts under the numbers from 1 on, and nothing else. */
async function expectStored(log: Log<string> | Log, place: Place, expected: readonly string[]): Promise<void> {
  await log.close();
  const storage = await place.open();
  expect((await verifyLog({ storage, prefix: "orders" })).findings).toEqual([]);
  const again = await openTexts(place, texts);
  expect((await all(again.read())).map(({ seq, value }) => `${seq} ${value}`)).toEqual(expected.map((value, index) => `${index + 1} ${value}`));
  await again.close();
}

/** No more than 4 KiB are to be had in one piece from now on: a buffer that has to grow further cannot. */
function refuseMemory(): void {
  const original = Buffer.allocUnsafeSlow.bind(Buffer);
  const allocate = vi.spyOn(Buffer, "allocUnsafeSlow").mockImplementation((size) => {
    if (size > 4096) throw new RangeError("Array buffer allocation failed");
    return original(size);
  });
  onTestFinished(() => {
    allocate.mockRestore();
  });
}

describe.each(kinds)("in $kind", ({ appendable }) => {
  const place = (): Place => memoryPlace(appendable);

  test("a batch that is no array is refused", async () => {
    const where = place();
    const log = await openTexts(where, texts);
    await log.append("one");
    for (const values of [new Set(["a", "b"]), { length: 2 }, "ab", 5, null, undefined]) {
      const error = await walError(log.appendBatch(values as unknown as string[]), "WAL_INVALID_ARGUMENT");
      expect(error).toMatchObject({ operation: "appendBatch", outcome: "not_applied" });
    }
    expect(await log.append("two")).toBe(2);
    await expectStored(log, where, ["one", "two"]);
  });

  test("a batch one value of which cannot be looked at leaves nothing behind", async () => {
    const where = place();
    const log = await openTexts(where, texts);
    const values = ["a", "b", "c"];
    Object.defineProperty(values, 2, {
      get() {
        throw new Error("not to be looked at");
      },
    });
    const one = log.append("one");
    const batch = expect(log.appendBatch(values)).rejects.toThrow("not to be looked at");
    const two = log.append("two");
    await batch;
    expect([await one, await two]).toEqual([1, 2]);
    expect(log.stats().pendingBytes).toBe(0);
    await expectStored(log, where, ["one", "two"]);
  });

  test("an append that there is no memory for leaves nothing behind", async () => {
    const where = place();
    const log = await openLog({ storage: await where.open(), prefix: "orders", codec: bytesCodec });
    await log.append(bytesOf("one"));
    refuseMemory();
    await expect(log.append(new Uint8Array(100_000))).rejects.toThrow(RangeError);
    const batch = [bytesOf("a"), new Uint8Array(100_000)];
    const [two, refused, three] = await Promise.allSettled([log.append(bytesOf("two")), log.appendBatch(batch), log.append(bytesOf("three"))]);
    expect([two, three]).toEqual([{ status: "fulfilled", value: 2 }, { status: "fulfilled", value: 3 }]);
    expect(refused).toMatchObject({ status: "rejected", reason: { name: "RangeError" } });
    await expect(log.append(new Uint8Array(100_000))).rejects.toThrow(RangeError);
    await log.sync();
    vi.restoreAllMocks();
    await expectStored(log, where, ["one", "two", "three"]);
  });

  test("an append that waited, and that there is no memory for when its turn comes, is alone rejected", async () => {
    const where = place();
    const log = await openLog({ storage: await where.open(), prefix: "orders", codec: bytesCodec, maxPendingBytes: 1 });
    const one = log.append(bytesOf("one"));
    const waiting = [log.append(new Uint8Array(100_000)), log.appendBatch([bytesOf("a"), new Uint8Array(100_000)]), log.append(bytesOf("two"))];
    refuseMemory();
    const refusedAtOnce = expect(log.append(new Uint8Array(100_000))).rejects.toThrow(RangeError);
    const sync = log.sync();
    expect(await one).toBe(1);
    await refusedAtOnce;
    const [append, batch, two] = await Promise.allSettled(waiting);
    for (const refused of [append, batch]) expect(refused).toMatchObject({ status: "rejected", reason: { name: "RangeError" } });
    expect(two).toEqual({ status: "fulfilled", value: 2 });
    await sync;
    expect(log.stats().pendingBytes).toBe(0);
    vi.restoreAllMocks();
    await expectStored(log, where, ["one", "two"]);
  });

  test("a codec may ask for a sync while the records of a batch are encoded", async () => {
    const where = place();
    const syncs: Promise<void>[] = [];
    const log: Log<string> = await openTexts(where, codecThat("b", () => syncs.push(log.sync())));
    await log.append("one");
    const answers = await Promise.all([log.append("two"), log.appendBatch(["a", "b", "c"]), log.append("three")]);
    expect(answers).toEqual([2, { first: 3, last: 5 }, 6]);
    await Promise.all(syncs);
    await expectStored(log, where, ["one", "two", "a", "b", "c", "three"]);
  });

  test("a codec that closes the log: what it encodes is refused, also as part of a batch", async () => {
    for (const append of [(log: Log<string>) => log.append("a"), (log: Log<string>) => log.appendBatch(["a", "b"]), (log: Log<string>) => log.appendBatch(["b", "a"])]) {
      const where = place();
      const closings: Promise<void>[] = [];
      const log: Log<string> = await openTexts(where, codecThat("a", () => closings.push(log.close())));
      const one = log.append("one");
      expect(await walError(append(log), "WAL_CLOSED")).toMatchObject({ outcome: "not_applied" });
      expect(await one).toBe(1);
      await Promise.all(closings);
      await expectStored(log, where, ["one"]);
    }
  });
});
