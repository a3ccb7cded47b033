import { crc32c } from "@holdfast/bytes";
import { memoryBackend, storagePrefix, systemClock, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mkdtemp, rm } from "node:fs/promises";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delegate } from "@holdfast/test-worlds";
import { afterAll, describe, expect, it } from "vitest";
import { checkpointStore, memoryCheckpointStore, type CheckpointState, type CheckpointStore } from "../src/index.js";
import { expectCode, stateOf, STREAM, valueOf } from "./support/history.js";

const root = await mkdtemp(join(tmpdir(), "holdfast-checkpoint-"));
let directories = 0;

afterAll(() => rm(root, { recursive: true, force: true }));

const backends: readonly (readonly [string, () => Promise<StorageBackend>])[] = [
  ["memory", async () => memoryBackend()],
  ["memory without append", async () => memoryBackend({ appendable: false })],
  ["a directory", () => fsBackend({ root: join(root, String((directories += 1))) })],
];

const open = (storage: StorageBackend, keep = 3): CheckpointStore => checkpointStore({ storage, prefix: "c", keep });

describe.each(backends)("checkpoints on %s", (_, backend) => {
  it("passes over what is damaged, says so, and removes nothing for it", async () => {
    await using storage = await backend();
    const store = open(storage, 2);
    for (const sequence of [1n, 2n]) await store.save(stateOf(sequence, Number(sequence)));
    await store.close();
    await damage(storage, 2n, 200);
    const reports: unknown[] = [];
    const report = (message: unknown): void => void reports.push(message);
    subscribe("holdfast:checkpoint:unreadable", report);
    const after = open(storage, 2);
    await after.open(STREAM);
    const { checkpoint, skipped } = await after.latest(STREAM);
    unsubscribe("holdfast:checkpoint:unreadable", report);
    expect([checkpoint?.sequence, valueOf(checkpoint?.state)]).toEqual([1n, 1]);
    expect(skipped.map(({ entry, error }) => [entry.sequence, (error as { code: string }).code])).toEqual([[2n, "CHECKPOINT_CORRUPT"]]);
    expect(reports).toMatchObject([{ streamId: STREAM, entry: { sequence: 2n } }]);
    await expectCode(after.get(STREAM, 2n), "CHECKPOINT_CORRUPT");
    // Two that can be read are kept beside it.
    for (const sequence of [3n, 4n, 5n]) await after.save(stateOf(sequence, Number(sequence)));
    expect((await after.list(STREAM)).map(({ sequence }) => sequence)).toEqual([4n, 5n]);
    await after.close();
  });

  it("does not refuse a call because another one was abandoned that was taking the stream over for it", async () => {
    await using storage = await backend();
    const before = open(storage);
    await before.save(stateOf(1n, 1));
    await before.close();
    const store = open(storage);
    const abandoned = new AbortController();
    const opening = store.open(STREAM, { signal: abandoned.signal });
    const behind = [store.save(stateOf(2n, 2)), store.save(stateOf(3n, 3)), store.latest(STREAM)];
    abandoned.abort(new Error("no longer wanted"));
    await expect(opening).rejects.toThrow("no longer wanted");
    const [second, third, latest] = await Promise.all(behind);
    expect([second, third]).toEqual([2, 3].map(() => ({ stored: true, duplicate: false })));
    expect(latest).toMatchObject({ skipped: [] });
    expect((await store.list(STREAM)).map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
    await store.close();
  });

  it("never removes the last readable one", async () => {
    await using storage = await backend();
    const store = open(storage, 1);
    await store.save(stateOf(1n, 1));
    // As if the disk had lost what it acknowledged: the next one is spoiled before it is read back.
    const spoiling = open(spoilingBackend(storage), 1);
    for (const sequence of [2n, 3n]) await spoiling.save(stateOf(sequence, Number(sequence)));
    await spoiling.close();
    const { checkpoint, skipped } = await open(storage).latest(STREAM);
    expect([checkpoint?.sequence, skipped.length]).toEqual([1n, 2]);
  });

  it("takes a new state where the one of this sequence cannot be read", async () => {
    await using storage = await backend();
    const store = open(storage);
    for (const sequence of [1n, 2n]) await store.save(stateOf(sequence, 1));
    await damage(storage, 2n, 130);
    expect(await store.save(stateOf(2n, 9))).toEqual({ stored: true, duplicate: false });
    expect((await store.latest(STREAM)).checkpoint?.state).toEqual(stateOf(2n, 9));
    await store.close();
  });

  it("refuses a checkpoint of another stream, of another sequence, and of a newer version", async () => {
    await using storage = await backend();
    const store = open(storage);
    await store.save(stateOf(1n, 1, "a"));
    await store.save(stateOf(1n, 2, "b"));
    await store.save(stateOf(3n, 3, "b"));
    await store.close();
    const [a, b1, b3] = await Promise.all([keyOf(storage, "c/a/", 1n), keyOf(storage, "c/b/", 1n), keyOf(storage, "c/b/", 3n)]);
    await storage.replace(b3, (await storage.read(b1)) ?? new Uint8Array());
    await storage.replace(b1, (await storage.read(a)) ?? new Uint8Array());
    const after = open(storage);
    expect((await after.latest("b")).skipped.map(({ error }) => String(error))).toEqual([
      expect.stringContaining("its header is that of another checkpoint"),
      expect.stringContaining("it is a checkpoint of another stream"),
    ]);
    const bytes = (await storage.read(a)) ?? new Uint8Array();
    bytes[8] = 2;
    await storage.replace(a, resealed(bytes));
    await expectCode(after.latest("a"), "CHECKPOINT_UNSUPPORTED_VERSION");
  });

  it("fences the owner before, also one that looks away for long", async () => {
    await using storage = await backend();
    const [first, second, third] = [open(storage), open(storage), open(storage)];
    await first.save(stateOf(10n, 1));
    await second.open(STREAM);
    await expectCode(first.save(stateOf(20n, 2)), "CHECKPOINT_FENCED");
    for (const sequence of [11n, 12n, 13n, 14n]) await second.save(stateOf(sequence, 3));
    await expectCode(first.deleteBefore(STREAM, 99n), "CHECKPOINT_FENCED");
    await third.open(STREAM);
    await expectCode(second.deleteBefore(STREAM, 99n), "CHECKPOINT_FENCED");
    await expectCode(second.save(stateOf(15n, 4)), "CHECKPOINT_FENCED");
    expect((await third.list(STREAM)).map(({ sequence }) => sequence)).toEqual([12n, 13n, 14n]);
    await Promise.all([first, second, third].map((it) => it.close()));
    await expectCode(third.latest(STREAM), "CHECKPOINT_CLOSED");
  });

  it("opens without a hint, with a damaged one, and with old ones", async () => {
    await using storage = await backend();
    const hint = (): Promise<StorageKey> => keyOf(storage, "c/", "newest.hint");
    const hints: Uint8Array[] = [];
    const live = async (work: (store: CheckpointStore) => Promise<unknown>, latest: bigint | undefined): Promise<void> => {
      const store = open(storage, 100);
      expect(await store.open(STREAM)).toEqual({ latestSequence: latest });
      await work(store);
      await store.close();
      hints.push((await storage.read(await hint())) ?? new Uint8Array());
    };
    await live((it) => it.save(stateOf(10n, 1)), undefined);
    await live((it) => it.save(stateOf(7n, 2)), 10n);
    await storage.remove([await hint()]);
    await live((it) => it.deleteBefore(STREAM, 8n), 10n);
    await storage.replace(await hint(), (hints[2] ?? new Uint8Array()).map((byte, index) => (index === 20 ? byte ^ 1 : byte)));
    await live((it) => it.deleteBefore(STREAM, 99n), 10n);
    await live((it) => it.save(stateOf(3n, 3)), undefined);
    // What they call the latest is gone since.
    for (const old of hints.slice(0, 3)) {
      await storage.replace(await hint(), old);
      await live(async () => undefined, 3n);
    }
  });

  it("keeps streams apart, whatever they are called", async () => {
    await using storage = await backend();
    const names = ["a", "A", "a/b", "../a", "con", "\u00e9", "e\u0301", "\u{1f600}", "a b"];
    const store = open(storage);
    for (const [index, name] of names.entries()) await store.save(stateOf(BigInt(index), index, name));
    expect([...(await store.streams())].sort()).toEqual([...names].sort());
    for (const [index, name] of names.entries()) expect((await store.latest(name)).checkpoint?.state).toEqual(stateOf(BigInt(index), index, name));
    for (const name of ["", "\ud800", "x".repeat(201)]) {
      const calls = [store.open(name), store.latest(name), store.get(name, 1n), store.list(name), store.count(name), store.deleteBefore(name, 1n), store.save(stateOf(1n, 1, name))];
      for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ status: "rejected", reason: { code: "STORAGE_INVALID_KEY" } });
    }
    await store.close();
  });
});

it.each([-5, 12.75])("takes the time of a clock that says %s", async (now) => {
  const storage = memoryBackend();
  const clock = { ...systemClock, now: () => now };
  for (const store of [checkpointStore({ storage, prefix: "c", clock }), memoryCheckpointStore({ clock })]) {
    await store.save(stateOf(1n, 1));
    expect((await store.latest(STREAM)).checkpoint?.createdAtMs).toBe(Math.max(0, Math.floor(now)));
    await store.close();
  }
});

it.each([{ ...stateOf(1n, 1), id: undefined }, { ...stateOf(1n, 1), id: null }, {}, null, undefined])("refuses a state without an id, and nothing is written: %#", async (state: unknown) => {
  await using storage = memoryBackend();
  for (const store of [open(storage), memoryCheckpointStore()]) {
    await expect(store.save(state as CheckpointState)).rejects.toMatchObject({ code: "CHECKPOINT_INVALID_ARGUMENT", operation: "save", outcome: "not_applied" });
    expect(await store.streams()).toEqual([]);
  }
  for await (const { key } of storage.list(storagePrefix(""))) expect.unreachable(key);
});

it("refuses options that are none", () => {
  const storage = memoryBackend();
  for (const keep of [0, -1, 1.5, Number.NaN]) {
    expect(() => open(storage, keep)).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
    expect(() => memoryCheckpointStore({ keep })).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT" }));
  }
  for (const none of [null, undefined, "storage"] as unknown as StorageBackend[]) {
    expect(() => open(none)).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT", message: "storage is none; it must be a storage backend" }));
  }
  expect(() => checkpointStore({ storage, prefix: "../x" })).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_KEY" }));
});

async function keyOf(storage: StorageBackend, prefix: string, which: bigint | string): Promise<StorageKey> {
  for await (const { key } of storage.list(storagePrefix(prefix))) {
    if (typeof which === "string" ? key.endsWith(which) : key.includes(`/state/${String(which).padStart(20, "0")}-`)) return key;
  }
  throw new Error("there is no such object");
}

async function damage(storage: StorageBackend, sequence: bigint, offset: number): Promise<void> {
  const key = await keyOf(storage, "c/", sequence);
  const bytes = await storage.read(key);
  bytes![offset]! ^= 1;
  await storage.replace(key, bytes!);
}

/** The same bytes with the checksum of their header made right. */
function resealed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(124, crc32c(bytes.subarray(0, 124)), true);
  return bytes;
}

/** Storage that spoils each checkpoint when it is written. */
function spoilingBackend(inner: StorageBackend): StorageBackend {
  return {
    ...delegate(inner),
    async create(key, body, options) {
      if (!key.endsWith(".ckpt") || !(body instanceof Uint8Array)) return inner.create(key, body, options);
      const spoiled = body.slice();
      spoiled[150]! ^= 4;
      return inner.create(key, spoiled, options);
    },
  };
}
