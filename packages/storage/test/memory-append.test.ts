import { describe, expect, it } from "vitest";
import {
  memoryBackend,
  memoryDisk,
  scoped,
  storageKey,
  storagePrefix,
  type AppendableStorage,
  type MemoryDisk,
  type StorageBackend,
} from "../src/index.js";
import { all, expectStorageError, text, utf8 } from "./expect-storage-error.js";

const KEY = storageKey("a/log.seg");
const PREFIX = storagePrefix("a");

const kinds: readonly (readonly [string, (disk: MemoryDisk) => StorageBackend])[] = [
  ["memory", (disk) => memoryBackend({ disk })],
  ["a view of memory", (disk) => scoped(memoryBackend({ disk }), "tenants/a")],
];

function appendable(backend: StorageBackend): AppendableStorage {
  return backend.appendable!;
}

describe.each(kinds)("growing objects: %s", (_name, open) => {
  it("appends in the order of the calls, leaves gaps of zeros, and truncates", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create" });
    expect([file.key, file.size]).toEqual([KEY, 0]);
    await Promise.all([file.append(utf8("abc")), file.append(utf8("def")), file.sync(), file.append(utf8("x"), { at: 8 }), file.truncate(7)]);
    expect(file.size).toBe(7);
    expect(text(await backend.read(KEY))).toBe("abcdef\0");
    await file.append(utf8("z"), { at: 10 });
    expect(text(await backend.read(KEY))).toBe("abcdef\0\0\0\0z");
    await file.close();
    expect(text(await backend.read(KEY))).toBe("abcdef\0\0\0\0z");
  });

  it("size moves when an append has ended, not when it is called", async () => {
    const file = await appendable(open(memoryDisk())).open(KEY, { mode: "create" });
    const appending = file.append(utf8("abc"));
    expect(file.size).toBe(0);
    await appending;
    expect(file.size).toBe(3);
  });

  it("a refused append or truncate harms nothing", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create" });
    await file.append(utf8("abc"));
    for (const wrong of [-1, 0.5, NaN, 2 ** 53]) {
      expect((await expectStorageError(() => file.append(utf8("x"), { at: wrong }), "STORAGE_INVALID_ARGUMENT")).outcome).toBe("not_applied");
      await expectStorageError(() => file.truncate(wrong), "STORAGE_INVALID_ARGUMENT");
    }
    await expectStorageError(() => file.append(utf8("x"), { at: 2 }), "STORAGE_INVALID_ARGUMENT");
    await expectStorageError(() => file.append(utf8("x"), { at: 2 ** 53 - 1 }), "STORAGE_INVALID_ARGUMENT");
    await expectStorageError(() => file.truncate(4), "STORAGE_INVALID_ARGUMENT");
    await file.append(utf8("def"), { at: 3 });
    expect(text(await backend.read(KEY))).toBe("abcdef");
  });

  it("a position for which there is no memory is STORAGE_FULL and harms nothing", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create" });
    await file.append(utf8("abc"));
    const error = await expectStorageError(() => file.append(utf8("x"), { at: 2 ** 50 }), "STORAGE_FULL");
    expect(error).toMatchObject({ outcome: "not_applied", retryable: true });
    await file.append(utf8("def"));
    expect(text(await backend.read(KEY))).toBe("abcdef");
  });

  it("creates what is not there and continues what is", async () => {
    const backend = open(memoryDisk());
    await expectStorageError(() => appendable(backend).open(KEY, { mode: "continue" }), "STORAGE_NOT_FOUND");
    await backend.create(KEY, utf8("abc"));
    await expectStorageError(() => appendable(backend).open(KEY, { mode: "create" }), "STORAGE_ALREADY_EXISTS");
    await using file = await appendable(backend).open(KEY, { mode: "continue", sync: "manual" });
    expect(file.size).toBe(3);
    await file.append(utf8("def"));
    await file.sync();
    expect(text(await backend.read(KEY))).toBe("abcdef");
    await expectStorageError(() => backend.create(KEY, utf8("x")), "STORAGE_ALREADY_EXISTS");
  });

  it("shows prepared space as zeros behind the size, ahead by a bounded amount, and close cuts it off", async () => {
    const backend = open(memoryDisk());
    const reserveBytes = 64 * 1_048_576;
    const file = await appendable(backend).open(KEY, { mode: "create", reserveBytes });
    expect((await backend.stat(KEY))?.size).toBe(0);
    let content = new Uint8Array(2).fill(7);
    await file.append(content);
    expect((await backend.stat(KEY))?.size).toBe(2); // The first append brings none.
    for (const length of [0, 3, 100_000, 3_000_000]) {
      await file.append(new Uint8Array(length).fill(length % 251));
      content = Uint8Array.from(Buffer.concat([content, new Uint8Array(length).fill(length % 251)]));
      const seen = (await backend.read(KEY)) ?? new Uint8Array(0);
      expect(seen.length).toBeGreaterThan(file.size);
      expect(seen.length).toBeLessThanOrEqual(file.size + 1_048_576);
      expect((await backend.stat(KEY))?.size).toBe(seen.length);
      expect(Buffer.from(seen.subarray(0, file.size)).equals(content)).toBe(true);
      expect(seen.subarray(file.size).every((byte) => byte === 0)).toBe(true);
      expect(Buffer.concat(await all(await backend.stream(KEY))).equals(seen)).toBe(true);
    }
    await file.close();
    expect((await backend.stat(KEY))?.size).toBe(content.length);
    await expectStorageError(
      () => appendable(backend).open(storageKey("b.x"), { mode: "create", reserveBytes: -1 }),
      "STORAGE_INVALID_ARGUMENT",
    );
    expect(await backend.stat(storageKey("b.x"))).toBeUndefined();
  });

  it("a stream gives the version of its call while the file grows and is cut", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create", reserveBytes: 10 });
    await file.append(utf8("abc"));
    const early = await backend.stream(KEY);
    await file.append(utf8("def"));
    const late = await backend.stream(KEY);
    await file.truncate(1);
    await file.append(utf8("XYZ"));
    expect((await all(early)).map(text)).toEqual(["abc"]);
    expect((await all(late)).map(text)).toEqual(["abcdef\0\0\0\0"]);
  });

  it("a file that was removed or replaced is written to in vain", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create" });
    await backend.replace(KEY, utf8("other"));
    await file.append(utf8("abc"));
    expect(text(await backend.read(KEY))).toBe("other");
    await backend.remove([KEY]);
    await file.append(utf8("def"));
    await file.close();
    expect(await backend.read(KEY)).toBeUndefined();
  });

  it("two handles of one file write over each other, as in a directory, and readers keep what they have", async () => {
    const disk = memoryDisk();
    const backend = open(disk);
    const one = await appendable(backend).open(KEY, { mode: "create" });
    const two = await appendable(open(disk)).open(KEY, { mode: "continue" });
    await one.append(utf8("abcdef"));
    const stream = await backend.stream(KEY);
    await two.append(utf8("XY"));
    expect(text(await backend.read(KEY))).toBe("XYcdef");
    expect((await all(stream)).map(text)).toEqual(["abcdef"]);
  });

  it("after close a file is STORAGE_CLOSED, and calls before it are carried out", async () => {
    const backend = open(memoryDisk());
    const file = await appendable(backend).open(KEY, { mode: "create", reserveBytes: 100 });
    const appending = file.append(utf8("abc"));
    const closing = file.close();
    const late = expectStorageError(() => file.append(utf8("late")), "STORAGE_CLOSED");
    await Promise.all([appending, closing, late, file.close()]);
    await file[Symbol.asyncDispose]();
    expect((await late).outcome).toBe("not_applied");
    await expectStorageError(() => file.sync(), "STORAGE_CLOSED");
    await expectStorageError(() => file.truncate(0), "STORAGE_CLOSED");
    expect([file.key, file.size]).toEqual([KEY, 3]);
    expect(text(await backend.read(KEY))).toBe("abc");
  });

  it("closing the backend closes its files and releases its locks, after what they were asked before", async () => {
    const disk = memoryDisk();
    const backend = open(disk);
    const file = await appendable(backend).open(KEY, { mode: "create", reserveBytes: 100 });
    const lock = await appendable(backend).lock(PREFIX);
    const appending = file.append(utf8("abc"));
    const closing = backend.close();
    await expectStorageError(() => file.append(utf8("late")), "STORAGE_CLOSED");
    await Promise.all([appending, closing]);
    await expectStorageError(() => file.sync(), "STORAGE_CLOSED");
    await expectStorageError(() => appendable(backend).lock(PREFIX), "STORAGE_CLOSED");
    await expectStorageError(() => appendable(backend).open(KEY, { mode: "continue" }), "STORAGE_CLOSED");
    const other = open(disk);
    expect(text(await other.read(KEY))).toBe("abc");
    await using held = await appendable(other).lock(PREFIX);
    await lock.release();
    await expectStorageError(() => appendable(open(disk)).lock(PREFIX), "STORAGE_LOCKED");
    expect(held.name).toBe(lock.name);
  });

  it("a lock refuses every other handle and its own, until it is released", async () => {
    const disk = memoryDisk();
    const [one, two] = [open(disk), open(disk)];
    const lock = await appendable(one).lock(PREFIX);
    expect(lock.name.endsWith("a/.lock")).toBe(true);
    for (const backend of [one, two]) {
      const error = await expectStorageError(() => appendable(backend).lock(PREFIX), "STORAGE_LOCKED");
      expect(error).toMatchObject({ key: lock.name, operation: "lock" });
    }
    await using other = await appendable(two).lock(storagePrefix("a/b"));
    await using root = await appendable(two).lock(storagePrefix(""));
    expect(new Set([lock.name, other.name, root.name]).size).toBe(3);
    await lock.release();
    const next = await appendable(two).lock(PREFIX);
    await lock.release();
    await lock[Symbol.asyncDispose]();
    await expectStorageError(() => appendable(one).lock(PREFIX), "STORAGE_LOCKED");
    await next.release();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(appendable(one).lock(PREFIX, { signal })).rejects.toBe(signal.reason);
    expect(await all(one.list(storagePrefix("")))).toEqual([]);
  });

  it("a crash kills handles and locks, keeps what was written, and lets nothing late through", async () => {
    const disk = memoryDisk();
    const dead = open(disk);
    const file = await appendable(dead).open(KEY, { mode: "create", reserveBytes: 100 });
    const lock = await appendable(dead).lock(PREFIX);
    await file.append(utf8("abc"));
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => { release = resolve; });
    const creating = dead.create(storageKey("late.x"), { async *open() { await gate; yield utf8("late"); } });
    const appending = file.append(utf8("late"));
    const listing = dead.list(storagePrefix(""))[Symbol.asyncIterator]();
    await dead.create(storageKey("b.x"), utf8("x"));
    await listing.next();
    disk.crash();
    release();
    await expectStorageError(() => creating, "STORAGE_CLOSED");
    await appending;
    await expectStorageError(() => file.append(utf8("late")), "STORAGE_CLOSED");
    await expectStorageError(() => dead.read(KEY), "STORAGE_CLOSED");
    await expectStorageError(() => listing.next(), "STORAGE_CLOSED");

    const alive = open(disk);
    const held = await appendable(alive).lock(PREFIX);
    await lock.release();
    await file.close();
    await dead.close();
    await expectStorageError(() => appendable(alive).lock(PREFIX), "STORAGE_LOCKED");
    await held.release();
    expect(await alive.read(storageKey("late.x"))).toBeUndefined();
    const found = await alive.read(KEY);
    expect(text(found)).toBe("abclate".padEnd(100, "\0"));
    const continued = await appendable(alive).open(KEY, { mode: "continue" });
    expect(continued.size).toBe(100);
    await continued.truncate(3);
    await continued.append(utf8("d"), { at: 5 });
    await continued.close();
    expect(text(await alive.read(KEY))).toBe("abc\0\0d");
  });

  it("an append that had not begun when the process died does nothing", async () => {
    const disk = memoryDisk();
    const file = await appendable(open(disk)).open(KEY, { mode: "create" });
    const appending = file.append(utf8("abc"));
    disk.crash();
    await expectStorageError(() => appending, "STORAGE_CLOSED");
    expect(text(await open(disk).read(KEY))).toBe("");
  });
});
