import { hasCode, storagePrefix } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { Fkwal2Error, openFkwal2Log, readFkwal2, readFkwal2Log, type Fkwal2Log, type Fkwal2LogOptions } from "../../src/fkwal2/index.js";
import { directoryPlace, memoryPlace, stores, type Place } from "../support/backends.js";
import { faultPort } from "../support/fault-port.js";
import { appending, entry, file, frame, number, WAL } from "./support.js";
import { vectors } from "./vectors.js";

/** Opens the log of a place. What was found is in `values`. */
async function open(place: Place, options: Partial<Fkwal2LogOptions<number>> = {}): Promise<{ readonly log: Fkwal2Log; readonly values: readonly number[] }> {
  const values: number[] = [];
  const log = await openFkwal2Log({ storage: await appending(place), key: WAL, decode: number, onEntry: ({ value }) => values.push(value), ...options });
  return { log, values };
}

const placeOf = (error: Fkwal2Error | undefined): unknown => error && [error.code, error.frame, error.offset, error.cause instanceof Error && error.cause.message];
const bytesOf = async (place: Place): Promise<Buffer> => Buffer.from((await place.files()).get("wal.log") ?? Buffer.of());

describe.each(stores)("a log in $name", (store) => {
  it("is a header and frames, and nothing before the first entry", async () => {
    const place = await store.make();
    const { log } = await open(place);
    expect(log.recovery).toEqual({ fileBytes: 0, entries: 0, validBytes: 0, torn: undefined, damage: undefined });
    expect([...(await place.files()).keys()]).toEqual([]);
    expect(await log.append(entry(1))).toEqual({ frame: 0, offset: 8 });
    expect(await log.append(entry(22))).toEqual({ frame: 1, offset: 30 });
    expect(await log.append(entry(3))).toEqual({ frame: 2, offset: 53 });
    expect(await bytesOf(place)).toEqual(file(frame(1), frame(22), frame(3)));
    await log.close();
    const again = await open(place);
    expect(again.values).toEqual([1, 22, 3]);
    expect(again.log.recovery).toMatchObject({ fileBytes: 75, entries: 3, validBytes: 75 });
    expect(await again.log.append(entry(4))).toEqual({ frame: 3, offset: 75 });
    expect(await again.log.append(entry(5))).toEqual({ frame: 4, offset: 97 });
    await again.log.close();
    expect(await bytesOf(place)).toEqual(file(...[1, 22, 3, 4, 5].map((it) => frame(it))));
  });

  it("keeps the order of calls, and copies what it is given", async () => {
    const place = await store.make();
    const { log } = await open(place);
    const payload = entry(1);
    const appends = [log.append(payload)];
    payload.fill(0);
    for (const n of [2, 3, 4]) appends.push(log.append(entry(n)));
    await log.close();
    expect((await Promise.all(appends)).map((it) => it.frame)).toEqual([0, 1, 2, 3]);
    expect(await bytesOf(place)).toEqual(file(frame(1), frame(2), frame(3), frame(4)));
  });

  it("begins anew, with an entry or without, in one step", async () => {
    const place = await store.make();
    const { log } = await open(place);
    await log.append(entry(1));
    await log.append(entry(2));
    await log.restart();
    expect(await bytesOf(place)).toEqual(file());
    expect(await log.append(entry(3))).toEqual({ frame: 0, offset: 8 });
    await log.restart(entry(4));
    expect(await log.append(entry(5))).toEqual({ frame: 1, offset: 30 });
    await log.close();
    expect(await bytesOf(place)).toEqual(file(frame(4), frame(5)));
  });

  it("has one writer", async () => {
    const place = await store.make();
    const { log } = await open(place);
    await expect(open(place)).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await log.close();
    await log.close();
    await expect(log.append(entry(1))).rejects.toMatchObject({ code: "WAL_CLOSED", outcome: "not_applied", key: "wal.log" });
    await (await open(place)).log.close();
  });

  it("uses a lock that is held already, and leaves it alone", async () => {
    const place = await store.make();
    const storage = await appending(place);
    await using lock = await storage.appendable.lock(storagePrefix(""));
    const { log } = await open(place, { storage, lock });
    await log.append(entry(1));
    await log.close();
    await expect(open(place)).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
  });

  it("lets go of the lock if it cannot be opened", async () => {
    const place = await store.make();
    await place.put("wal.log", Buffer.from("something else"));
    await expect(open(place)).rejects.toMatchObject({ code: "WAL_NOT_A_LOG" });
    await place.remove("wal.log");
    await (await open(place)).log.close();
  });
});

describe("what an interrupted write left is cut off by the next one, and by no opening", () => {
  it.each([
    ["half a header", file().subarray(0, 5), [], file(frame(9))],
    ["half a length", file(frame(1), Buffer.of(14, 0, 0)), [1], file(frame(1), frame(9))],
    ["half an entry", file(frame(1), frame(2).slice(0, 15)), [1], file(frame(1), frame(9))],
    ["zeros", file(frame(1), Buffer.alloc(600)), [1], file(frame(1), frame(9))],
    ["a length beyond everything", file(frame(1), Buffer.from("ffffffffffffffff00", "hex")), [1], file(frame(1), frame(9))],
  ])("%s", async (_what, found, values, after) => {
    const place = memoryPlace();
    await place.put("wal.log", found);
    const opened = await open(place);
    expect(opened.values).toEqual(values);
    expect(opened.log.recovery.torn).toEqual({ validBytes: after.length - frame(9).length - (found.length < 8 ? 8 : 0), discardedBytes: expect.any(Number) as number });
    await opened.log.close();
    expect(await bytesOf(place)).toEqual(found);
    const { log } = await open(place);
    await log.append(entry(9));
    expect(await bytesOf(place)).toEqual(after);
    await log.close();
  });
});

describe("every log of the original is continued, or refused as it is read in memory", () => {
  const json = (payload: Uint8Array): { readonly value: string } | { readonly error: Error } => {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
      const { Snapshot } = JSON.parse(text) as { readonly Snapshot?: { readonly created_at_ms?: unknown } };
      return Snapshot === undefined ? { error: new Error("no snapshot") } : { value: text };
    } catch (cause) {
      return { error: new Error("no JSON", { cause }) };
    }
  };

  it.each(vectors)("$name", async ({ wal }) => {
    const place = memoryPlace();
    if (wal.length > 0) await place.put("wal.log", wal);
    const storage = await appending(place);
    const inMemory = readFkwal2(wal, { decode: json, mode: "lenient" });
    const payloads: Buffer[] = [];
    const found = await readFkwal2Log({ storage, key: WAL, decode: json, mode: "lenient", onEntry: ({ payload }) => payloads.push(Buffer.from(payload)) });
    expect(payloads).toEqual(inMemory.entries.map(({ payload }) => Buffer.from(payload)));
    expect(found).toMatchObject({ fileBytes: wal.length, entries: payloads.length, torn: inMemory.torn });
    expect(placeOf(found.damage)).toEqual(placeOf(inMemory.damage));
    const opening = openFkwal2Log({ storage, key: WAL, decode: json });
    if (found.damage !== undefined) {
      await expect(opening).rejects.toMatchObject({ code: found.damage.code, key: "wal.log", frame: found.damage.frame, offset: found.damage.offset });
      expect(await bytesOf(place)).toEqual(Buffer.from(wal));
      return;
    }
    const log = await opening;
    await log.append(entry(1));
    await log.close();
    expect(await bytesOf(place)).toEqual(Buffer.concat([file(), wal.subarray(8, found.validBytes), frame(1)]));
  });
});

describe("damage", () => {
  const damaged = file(frame(1), Buffer.from("rubbish!"), frame(2));

  it("is refused, and changes nothing", async () => {
    const place = memoryPlace();
    await place.put("wal.log", damaged);
    const told: number[] = [];
    const error: unknown = await open(place, { onEntry: ({ value }) => told.push(value) }).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(Fkwal2Error);
    expect(error).toMatchObject({ code: "WAL_CORRUPT", key: "wal.log", frame: 1, offset: 30 });
    expect(told).toEqual([1]);
    expect(await bytesOf(place)).toEqual(damaged);
  });

  it("is read around in lenient mode, and nothing goes behind it until the log begins anew", async () => {
    const place = memoryPlace();
    await place.put("wal.log", damaged);
    const { log, values } = await open(place, { mode: "lenient" });
    expect(values).toEqual([1, 2]);
    expect(log.recovery).toMatchObject({ entries: 2, validBytes: 30, damage: { code: "WAL_CORRUPT", frame: 1, offset: 30 } });
    await expect(log.append(entry(3))).rejects.toMatchObject({ code: "WAL_CORRUPT", operation: "append", outcome: "not_applied", frame: 1, offset: 30, cause: log.recovery.damage });
    expect(await bytesOf(place)).toEqual(damaged);
    await log.restart(entry(3));
    await log.append(entry(4));
    await log.close();
    expect(await bytesOf(place)).toEqual(file(frame(3), frame(4)));
  });
});

describe("somebody who writes without the lock", () => {
  const change = async (place: Place): Promise<void> => place.put("wal.log", Buffer.concat([await bytesOf(place), Buffer.from("x")]));

  it("is noticed before the first entry, before one behind it, and before a new beginning", async () => {
    const place = memoryPlace();
    await place.put("wal.log", file(frame(1)));
    const { log } = await open(place);
    await change(place);
    await expect(log.append(entry(2))).rejects.toMatchObject({ code: "WAL_CONFLICT", key: "wal.log", outcome: "not_applied" });
    await expect(log.restart()).rejects.toMatchObject({ code: "WAL_CONFLICT" });
    expect(await bytesOf(place)).toEqual(file(frame(1), Buffer.from("x")));
    await place.put("wal.log", file(frame(1)));
    await log.append(entry(2));
    await change(place);
    await expect(log.append(entry(3))).rejects.toMatchObject({ code: "WAL_CONFLICT" });
    await log.close();
  });
});

describe("what is too large", () => {
  it("is neither read nor written, and nothing is cut off because of it", async () => {
    const place = memoryPlace();
    const large = file(frame(1), frame(2, 100), Buffer.of(1, 2));
    await place.put("wal.log", large);
    for (const mode of ["strict", "lenient"] as const) {
      await expect(open(place, { mode, maxEntryBytes: 113 })).rejects.toMatchObject({ code: "WAL_TOO_LARGE", key: "wal.log", frame: 1, offset: 30 });
    }
    expect(await bytesOf(place)).toEqual(large);
    const { log, values } = await open(place, { maxEntryBytes: 114 });
    expect(values).toEqual([1, 2]);
    await expect(log.append(entry(3, 101))).rejects.toMatchObject({ code: "WAL_TOO_LARGE", outcome: "not_applied" });
    await log.append(entry(3, 100));
    await log.close();
  });

  it("behind damage keeps the file from being taken for torn", async () => {
    const place = memoryPlace();
    await place.put("wal.log", file(frame(1), Buffer.from("ffffffffffffff7f", "hex"), frame(2, 100)));
    await expect(open(place, { maxEntryBytes: 100 })).rejects.toMatchObject({ code: "WAL_TOO_LARGE" });
    await expect(open(place)).rejects.toMatchObject({ code: "WAL_CORRUPT", frame: 1, offset: 30 });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32 + 1])("cannot be bounded by %d", async (maxEntryBytes) => {
    const place = memoryPlace();
    await expect(open(place, { maxEntryBytes })).rejects.toMatchObject({ code: "WAL_INVALID_ARGUMENT" });
    await (await open(place)).log.close();
  });

  it.each(["", "{}", '{"Delta":1}'])("or no entry: %j", async (text) => {
    const place = memoryPlace();
    const { log } = await open(place);
    await expect(log.append(Buffer.from(text))).rejects.toMatchObject({ code: "WAL_INVALID_ARGUMENT", outcome: "not_applied" });
    await log.append(entry(1));
    await log.close();
    expect(await bytesOf(place)).toEqual(file(frame(1)));
  });
});

describe("a write that fails", () => {
  it("poisons the log, and what it left is judged when it is opened again", async () => {
    const place = await directoryPlace();
    const port = faultPort();
    const storage = await place.openOver(port);
    if (storage.appendable === undefined) throw new Error("a directory has files that grow");
    const { log } = await open(place, { storage: storage as Fkwal2LogOptions<number>["storage"] });
    await log.append(entry(1));
    await log.append(entry(2));
    port.onCall = ({ name }) => (name === "write" ? { code: "EIO", applied: true } : undefined);
    const [failed, behind] = await Promise.allSettled([log.append(entry(3)), log.append(entry(4))]);
    port.onCall = undefined;
    expect(failed).toMatchObject({ status: "rejected", reason: { code: "STORAGE_WRITE_FAILED", outcome: "unknown" } });
    expect(behind).toMatchObject({ status: "rejected", reason: { code: "WAL_POISONED", outcome: "not_applied", cause: { code: "STORAGE_WRITE_FAILED" } } });
    expect(hasCode(log.poison, "STORAGE_WRITE_FAILED")).toBe(true);
    await expect(log.restart()).rejects.toMatchObject({ code: "WAL_POISONED" });
    await log.close();
    await place.crash();
    const again = await open(place);
    expect(again.values).toEqual([1, 2, 3]);
    await again.log.close();
  });

  it("harms nothing if it was not done", async () => {
    const place = await directoryPlace();
    await place.put("wal.log", file(frame(1)));
    const port = faultPort();
    const { log } = await open(place, { storage: (await place.openOver(port)) as Fkwal2LogOptions<number>["storage"] });
    port.onCall = ({ name }) => (name === "write" ? { code: "ENOSPC" } : undefined);
    await expect(log.append(entry(2))).rejects.toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    port.onCall = undefined;
    expect(log.poison).toBeUndefined();
    await log.append(entry(2));
    await log.close();
    expect(await bytesOf(place)).toEqual(file(frame(1), frame(2)));
  });
});

describe("reading", () => {
  it("says so when the file becomes shorter meanwhile", async () => {
    const place = memoryPlace();
    await place.put("wal.log", file(frame(1), frame(2)));
    const storage = await appending(place);
    const stat: typeof storage.stat = async (key) => {
      const entry = await storage.stat(key);
      await place.put("wal.log", file(frame(1)));
      return entry;
    };
    await expect(readFkwal2Log({ storage: { ...storage, stat, read: storage.read.bind(storage) }, key: WAL, decode: number })).rejects.toMatchObject({ code: "WAL_READ_FAILED", retryable: true, key: "wal.log", offset: 30 });
  });

  it("takes 1 MiB or an entry at a time, also where it searches behind damage", async () => {
    const place = memoryPlace();
    const many = Array.from({ length: 3000 }, (_, n) => frame(n, 1000));
    await place.put("wal.log", file(...many, frame(7, 1_500_000), Buffer.alloc(3_000_000, 65), ...many));
    const storage = await appending(place);
    const lengths: number[] = [];
    const read: typeof storage.read = (key, options) => {
      lengths.push(options?.range?.length ?? Infinity);
      return storage.read(key, options);
    };
    const watched = { ...storage, stat: storage.stat.bind(storage), read } as typeof storage;
    const found = await readFkwal2Log({ storage: watched, key: WAL, decode: number, mode: "lenient" });
    expect(found).toMatchObject({ entries: 6001, damage: { code: "WAL_CORRUPT", frame: 3001 } });
    expect(Math.max(...lengths)).toBe(1_500_000 + entry(7).length);
    expect(lengths.reduce((sum, length) => sum + length)).toBeLessThan(2.5 * found.fileBytes);
  });
});
