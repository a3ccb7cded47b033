import { describe, expect, it } from "vitest";
import {
  memoryBackend,
  memoryDisk,
  scoped,
  storageKey,
  storagePrefix,
  type MemoryDisk,
  type StorageBackend,
  type StorageBody,
  type StorageKey,
} from "../src/index.js";
import type { Clock } from "../src/ports.js";
import { all, expectStorageError, text, utf8 } from "./expect-storage-error.js";

const KEY = storageKey("a/b.x");
const OTHER = storageKey("a/c.x");
const ROOT = storagePrefix("");

/** Every rule holds on the backend itself and on views of it. */
const kinds: readonly (readonly [string, (disk: MemoryDisk) => StorageBackend])[] = [
  ["memory", (disk) => memoryBackend({ disk })],
  ["memory without appendable", (disk) => memoryBackend({ disk, appendable: false })],
  ["a view of memory", (disk) => scoped(memoryBackend({ disk }), "tenants/a")],
  ["a view of everything", (disk) => scoped(memoryBackend({ disk }), "")],
  ["a view of a view", (disk) => scoped(scoped(memoryBackend({ disk }), "tenants"), "a/b")],
];

function pieces(...parts: readonly Uint8Array[]): StorageBody {
  return { async *open() { yield* parts; } };
}

/** A body that waits before its end, and what lets it end. */
function gated(): { body: StorageBody; asked: Promise<void>; release: () => void } {
  let release = (): void => undefined;
  let ask = (): void => undefined;
  const gate = new Promise<void>((resolve) => { release = resolve; });
  const asked = new Promise<void>((resolve) => { ask = resolve; });
  const body: StorageBody = {
    async *open() {
      yield utf8("first ");
      ask();
      await gate;
      yield utf8("last");
    },
  };
  return { body, asked, release: () => { release(); } };
}

describe.each(kinds)("whole objects: %s", (_name, open) => {
  it("creates, reads, tells and removes", async () => {
    const backend = open(memoryDisk());
    expect(await backend.read(KEY)).toBeUndefined();
    expect(await backend.stream(KEY)).toBeUndefined();
    expect(await backend.stat(KEY)).toBeUndefined();
    const entry = await backend.create(KEY, utf8("content"));
    expect(entry).toMatchObject({ key: KEY, size: 7 });
    expect(await backend.stat(KEY)).toEqual(entry);
    expect(await all(backend.list(ROOT))).toEqual([entry]);
    expect(text(await backend.read(KEY))).toBe("content");
    expect((await all(await backend.stream(KEY))).map(text)).toEqual(["content"]);
    await backend.remove([OTHER, KEY, KEY]);
    expect(await backend.read(KEY)).toBeUndefined();
  });

  it("creates once, whoever asks, and replaces always", async () => {
    const backend = open(memoryDisk());
    const results = await Promise.allSettled(["one", "two", "six"].map((content) => backend.create(KEY, pieces(utf8(content)))));
    expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
    const won = text(await backend.read(KEY));
    const error = await expectStorageError(() => backend.create(KEY, utf8("late")), "STORAGE_ALREADY_EXISTS");
    expect(error).toMatchObject({ operation: "create", outcome: "not_applied" });
    expect(error.key?.endsWith(KEY)).toBe(true);
    expect(text(await backend.read(KEY))).toBe(won);
    await backend.replace(KEY, utf8("new"));
    await backend.replace(OTHER, pieces(utf8("o"), utf8("ther")));
    expect([text(await backend.read(KEY)), text(await backend.read(OTHER))]).toEqual(["new", "other"]);
  });

  it("gives ranges, and past the end what is there", async () => {
    const backend = open(memoryDisk());
    await backend.create(KEY, utf8("0123456789"));
    for (const [offset, length, expected] of [
      [0, 10, "0123456789"],
      [2, 3, "234"],
      [8, 5, "89"],
      [10, 1, ""],
      [3, 0, ""],
      [2 ** 53 - 1, 2 ** 53 - 1, ""],
      [5, 2 ** 53 - 1, "56789"],
    ] as const) {
      const range = { offset, length };
      expect(text(await backend.read(KEY, { range }))).toBe(expected);
      expect((await all(await backend.stream(KEY, { range }))).map(text).join("")).toBe(expected);
    }
    for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      for (const range of [{ offset: wrong, length: 1 }, { offset: 0, length: wrong }]) {
        await expectStorageError(() => backend.read(KEY, { range }), "STORAGE_INVALID_ARGUMENT");
        await expectStorageError(() => backend.stream(KEY, { range }), "STORAGE_INVALID_ARGUMENT");
      }
    }
  });

  it("copies what comes in and what goes out", async () => {
    const backend = open(memoryDisk());
    const bytes = utf8("content");
    const reused = new Uint8Array(4);
    await backend.create(KEY, bytes);
    await backend.create(OTHER, {
      async *open() {
        for (const byte of [1, 2, 3]) yield reused.fill(byte);
      },
    });
    bytes.fill(0);
    (await backend.read(KEY))?.fill(0);
    (await backend.read(KEY, { range: { offset: 1, length: 2 } }))?.fill(0);
    for (const piece of await all(await backend.stream(KEY))) piece.fill(0);
    Object.assign((await backend.stat(KEY)) ?? {}, { size: 0 });
    for (const entry of await all(backend.list(ROOT))) Object.assign(entry, { size: 0 });
    expect(text(await backend.read(KEY))).toBe("content");
    expect((await backend.stat(KEY))?.size).toBe(7);
    expect(await backend.read(OTHER)).toEqual(Uint8Array.of(1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  });

  it("streams one version in pieces of bounded length, whatever happens to the name", async () => {
    const backend = open(memoryDisk());
    const content = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    await backend.create(KEY, content);
    const replaced = await backend.stream(KEY);
    await backend.replace(KEY, utf8("new"));
    const removed = await backend.stream(KEY);
    await backend.remove([KEY]);
    const parts = await all(replaced);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(1_048_576);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
    expect((await all(removed)).map(text)).toEqual(["new"]);
  });

  it("a stream is read once, and says so", async () => {
    const backend = open(memoryDisk());
    await backend.create(KEY, utf8("content"));
    const stream = await backend.stream(KEY);
    await all(stream);
    await expectStorageError(() => all(stream), "STORAGE_INVALID_ARGUMENT");
  });

  it("lists below a prefix, ascending by bytes, after a key, so many", async () => {
    const backend = open(memoryDisk());
    const names = ["a-b.x", "a.x", "a/b.x", "a/b/c.x", "a0.x", "aa/b.x", "b.x"];
    for (const name of names.toReversed()) await backend.create(storageKey(name), utf8(name));
    const keys = async (prefix: string, options?: { after?: StorageKey; limit?: number }) =>
      (await all(backend.list(storagePrefix(prefix), options))).map((entry) => entry.key);
    expect(await keys("")).toEqual(names);
    expect(await keys("a")).toEqual(["a/b.x", "a/b/c.x"]);
    expect(await keys("a/b/c")).toEqual([]);
    expect(await keys("", { after: storageKey("a/b.x"), limit: 2 })).toEqual(["a/b/c.x", "a0.x"]);
    expect(await keys("", { after: storageKey("a/a.x"), limit: 0 })).toEqual([]);
    expect(await keys("a", { after: storageKey("0.0"), limit: 1 })).toEqual(["a/b.x"]);
    for (const limit of [-1, 0.5, NaN]) await expectStorageError(() => keys("", { limit }), "STORAGE_INVALID_ARGUMENT");
  });

  it("a list leaves out what is removed before it comes to it", async () => {
    const backend = open(memoryDisk());
    for (const name of ["a.x", "b.x", "c.x"]) await backend.create(storageKey(name), utf8(name));
    const seen: string[] = [];
    for await (const entry of backend.list(ROOT)) {
      seen.push(entry.key);
      await backend.remove([storageKey("b.x")]);
    }
    expect(seen).toEqual(["a.x", "c.x"]);
  });

  it("a body that fails leaves nothing, or what was there", async () => {
    const backend = open(memoryDisk());
    const boom = new Error("boom");
    const bodies: StorageBody[] = [
      { async *open() { yield utf8("part"); throw boom; } },
      { ...(pieces(utf8("abc")) as { open(): AsyncIterable<Uint8Array> }), bytes: 4 },
      { ...(pieces(utf8("abc")) as { open(): AsyncIterable<Uint8Array> }), bytes: 2 },
    ];
    for (const body of bodies) {
      expect(await expectStorageError(() => backend.create(KEY, body), "STORAGE_WRITE_FAILED")).toMatchObject({ outcome: "not_applied" });
      expect(await all(backend.list(ROOT))).toEqual([]);
    }
    await backend.create(KEY, utf8("there"));
    for (const body of bodies) await expectStorageError(() => backend.replace(KEY, body), "STORAGE_WRITE_FAILED");
    expect(text(await backend.read(KEY))).toBe("there");
  });

  it("nobody sees an object before it is whole, and the first that is whole wins", async () => {
    const disk = memoryDisk();
    const [backend, other] = [open(disk), open(disk)];
    const slow = gated();
    const creating = backend.create(KEY, slow.body);
    await slow.asked;
    expect(await other.read(KEY)).toBeUndefined();
    await other.create(KEY, utf8("fast"));
    slow.release();
    await expectStorageError(() => creating, "STORAGE_ALREADY_EXISTS");
    expect(text(await backend.read(KEY))).toBe("fast");
  });

  it("an aborted call rejects with the reason and does nothing", async () => {
    const backend = open(memoryDisk());
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await backend.create(OTHER, utf8("there"));
    await expect(backend.read(OTHER, { signal })).rejects.toBe(reason);
    await expect(backend.stream(OTHER, { signal })).rejects.toBe(reason);
    await expect(backend.stat(OTHER, { signal })).rejects.toBe(reason);
    await expect(backend.create(KEY, utf8("x"), { signal })).rejects.toBe(reason);
    await expect(backend.replace(OTHER, utf8("x"), { signal })).rejects.toBe(reason);
    await expect(backend.remove([OTHER], { signal })).rejects.toBe(reason);
    await expect(all(backend.list(ROOT, { signal }))).rejects.toBe(reason);
    expect((await all(backend.list(ROOT))).map((entry) => entry.key)).toEqual([OTHER]);
    expect(text(await backend.read(OTHER))).toBe("there");
  });

  it("a call that is aborted while it goes on rejects with the reason", async () => {
    const backend = open(memoryDisk());
    const reason = new Error("enough");
    const slow = gated();
    const creating = new AbortController();
    const created = backend.create(KEY, slow.body, { signal: creating.signal });
    await slow.asked;
    creating.abort(reason);
    await expect(created).rejects.toBe(reason);
    slow.release();
    expect(await backend.read(KEY)).toBeUndefined();

    await backend.create(KEY, new Uint8Array(300_000));
    await backend.create(OTHER, utf8("x"));
    for (const items of [(signal: AbortSignal) => backend.stream(KEY, { signal }), async (signal: AbortSignal) => backend.list(ROOT, { signal })]) {
      const reading = new AbortController();
      const iterator = (await items(reading.signal))?.[Symbol.asyncIterator]();
      expect((await iterator?.next())?.done).toBe(false);
      reading.abort(reason);
      await expect(iterator?.next()).rejects.toBe(reason);
    }
  });

  it("close waits for what is in flight, and then everything is STORAGE_CLOSED", async () => {
    const disk = memoryDisk();
    const backend = open(disk);
    const slow = gated();
    const creating = backend.create(KEY, slow.body);
    await slow.asked;
    let closed = false;
    const closing = backend.close().then(() => { closed = true; });
    await expectStorageError(() => backend.read(KEY), "STORAGE_CLOSED");
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    slow.release();
    await creating;
    await closing;
    await backend.close();
    await backend[Symbol.asyncDispose]();

    await expectStorageError(() => backend.read(KEY), "STORAGE_CLOSED");
    await expectStorageError(() => backend.stream(KEY), "STORAGE_CLOSED");
    await expectStorageError(() => backend.stat(KEY), "STORAGE_CLOSED");
    expect((await expectStorageError(() => backend.create(OTHER, utf8("x")), "STORAGE_CLOSED")).outcome).toBe("not_applied");
    await expectStorageError(() => backend.replace(KEY, utf8("x")), "STORAGE_CLOSED");
    await expectStorageError(() => backend.remove([]), "STORAGE_CLOSED");
    await expectStorageError(() => all(backend.list(ROOT)), "STORAGE_CLOSED");
    expect(text(await open(disk).read(KEY))).toBe("first last");
  });

  it("a list goes no further when the backend is closed", async () => {
    const backend = open(memoryDisk());
    await backend.create(KEY, new Uint8Array(300_000));
    await backend.create(OTHER, utf8("x"));
    const list = backend.list(ROOT)[Symbol.asyncIterator]();
    await list.next();
    await backend.close();
    await expectStorageError(() => list.next(), "STORAGE_CLOSED");
  });

  it("keys that got past the types are refused", async () => {
    const backend = open(memoryDisk());
    const hostile = "../a.x" as StorageKey;
    await expectStorageError(() => backend.read(hostile), "STORAGE_INVALID_KEY");
    await expectStorageError(() => backend.stream(hostile), "STORAGE_INVALID_KEY");
    await expectStorageError(() => backend.stat(hostile), "STORAGE_INVALID_KEY");
    await expectStorageError(() => backend.create(hostile, utf8("x")), "STORAGE_INVALID_KEY");
    await expectStorageError(() => backend.replace(hostile, utf8("x")), "STORAGE_INVALID_KEY");
    await expectStorageError(() => backend.remove([hostile]), "STORAGE_INVALID_KEY");
    await expectStorageError(() => all(backend.list(ROOT, { after: hostile })), "STORAGE_INVALID_KEY");
    await expectStorageError(() => all(backend.list("../" as never)), "STORAGE_INVALID_KEY");
  });
});

describe("memoryBackend", () => {
  it("takes its time from the clock", async () => {
    let now = 1_000;
    const clock: Clock = { now: () => now, monotonic: () => 0, setTimer: () => () => undefined };
    const backend = memoryBackend({ clock });
    expect((await backend.create(KEY, utf8("x"))).modifiedAt).toBe(1_000);
    now = 500;
    expect((await backend.replace(KEY, utf8("y"))).modifiedAt).toBe(500);
    expect((await backend.stat(KEY))?.modifiedAt).toBe(500);
  });

  it("has contents of its own unless it is given some", async () => {
    const disk = memoryDisk();
    await memoryBackend({ disk }).create(KEY, utf8("x"));
    expect(text(await memoryBackend({ disk }).read(KEY))).toBe("x");
    expect(await memoryBackend().read(KEY)).toBeUndefined();
    await expectStorageError(() => memoryBackend({ disk: { crash: () => undefined } }), "STORAGE_INVALID_ARGUMENT");
  });

  it("has appendable unless it is told not to", () => {
    expect(memoryBackend().appendable).toBeDefined();
    expect(memoryBackend({ appendable: false }).appendable).toBeUndefined();
  });

  it("a stream goes no further when the backend is closed", async () => {
    const backend = memoryBackend();
    await backend.create(KEY, new Uint8Array(300_000));
    const stream = (await backend.stream(KEY))?.[Symbol.asyncIterator]();
    await stream?.next();
    await backend.close();
    await expectStorageError(() => stream?.next(), "STORAGE_CLOSED");
  });
});
