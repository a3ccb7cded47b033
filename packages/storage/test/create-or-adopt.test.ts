import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createOrAdopt,
  isHoldfastError,
  memoryBackend,
  memoryDisk,
  StorageError,
  storageKey,
  type StorageBackend,
  type StorageBody,
  type StorageEntry,
  type StorageErrorCode,
  type WriteOutcome,
} from "../src/index.js";
import { all, expectStorageError, utf8 } from "./expect-storage-error.js";

const KEY = storageKey("a/object.bin");

/** An object with the id 16 times `id`, some content, and a checksum of 4 times `sum`. */
function object(id: number, sum = id, length = 40): Uint8Array {
  const bytes = new Uint8Array(length).fill(7);
  bytes.fill(id, 0, 16);
  bytes.fill(sum, length - 4);
  return bytes;
}

/** The same in small pieces. */
function streamed(bytes: Uint8Array, pieceBytes = 5): { readonly open: () => AsyncIterable<Uint8Array> } {
  return {
    async *open() {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
    },
  };
}

/**
 * What happens to one call of `create`.
 *
 * - `ok`: it is carried out and answered.
 * - `lost answer`: it is carried out, and the answer is that nobody knows.
 * - `not applied`: it is not carried out, and the answer is that nobody knows.
 * - `late before`, `late after`: the answer is that nobody knows, and it is carried out with the next call, before or after that one.
 * - `retried below`: it is carried out twice, as by a client that repeats requests: the second one meets the first.
 * - `refused`, `refused for now`: it is not carried out, and the answer says so; and that it may be tried again.
 */
type Fate = "ok" | "lost answer" | "not applied" | "late before" | "late after" | "retried below" | "refused" | "refused for now";

interface Faulty {
  readonly backend: StorageBackend;
  /** Calls of `create` so far. */
  readonly calls: () => number;
  /** Carries out what is still on its way. */
  readonly settle: () => Promise<void>;
}

function faulty(real: StorageBackend, fates: readonly Fate[], reads: readonly (Error | undefined)[] = []): Faulty {
  let calls = 0;
  let readCalls = 0;
  let before: (() => Promise<unknown>) | undefined;
  let after: (() => Promise<unknown>) | undefined;
  const failure = (code: StorageErrorCode, outcome: WriteOutcome, retryable = false): StorageError =>
    new StorageError(code, "injected", { operation: "create", outcome, retryable });
  const settle = async (): Promise<void> => {
    await before?.().catch(() => undefined);
    await after?.().catch(() => undefined);
    before = after = undefined;
  };
  const meet = async (fate: Fate, ...call: Parameters<StorageBackend["create"]>): Promise<StorageEntry> => {
    switch (fate) {
      case "ok":
        return real.create(...call);
      case "lost answer":
        await real.create(...call).catch(() => undefined);
        throw failure("STORAGE_WRITE_FAILED", "unknown");
      case "not applied":
        throw failure("STORAGE_WRITE_FAILED", "unknown");
      case "late before":
        before = () => real.create(call[0], call[1]);
        throw failure("STORAGE_WRITE_FAILED", "unknown");
      case "late after":
        after = () => real.create(call[0], call[1]);
        throw failure("STORAGE_WRITE_FAILED", "unknown");
      case "retried below":
        await real.create(...call).catch(() => undefined);
        return real.create(...call);
      case "refused":
        throw failure("STORAGE_FULL", "not_applied");
      case "refused for now":
        throw failure("STORAGE_FULL", "not_applied", true);
    }
  };
  const create: StorageBackend["create"] = async (...call) => {
    const fate = fates[calls] ?? "ok";
    calls += 1;
    await before?.().catch(() => undefined);
    const arriving = after;
    before = after = undefined;
    try {
      return await meet(fate, ...call);
    } finally {
      await arriving?.().catch(() => undefined);
    }
  };
  const reading = <T>(action: () => Promise<T>): Promise<T> => {
    const error = reads[readCalls];
    readCalls += 1;
    return error === undefined ? action() : Promise.reject(error);
  };
  const backend: StorageBackend = {
    name: real.name,
    appendable: real.appendable,
    create,
    read: (key, options) => reading(() => real.read(key, options)),
    stat: (key, options) => reading(() => real.stat(key, options)),
    stream: (key, options) => real.stream(key, options),
    replace: (key, body, options) => real.replace(key, body, options),
    list: (prefix, options) => real.list(prefix, options),
    remove: (given, options) => real.remove(given, options),
    close: () => real.close(),
    [Symbol.asyncDispose]: () => real.close(),
  };
  return { backend, calls: () => calls, settle };
}

const bodies: readonly (readonly [string, (bytes: Uint8Array) => StorageBody])[] = [
  ["an array", (bytes) => bytes],
  ["a source", (bytes) => streamed(bytes)],
  ["a source of stated length", (bytes) => ({ bytes: bytes.length, open: () => streamed(bytes).open() })],
];

describe.each(bodies)("createOrAdopt with %s", (_name, bodyOf) => {
  it.each<readonly [Fate[], boolean, number]>([
    [["ok"], false, 1],
    [["lost answer"], true, 2],
    [["not applied"], false, 2],
    [["late before"], true, 2],
    [["late after"], false, 2],
    [["retried below"], true, 1],
    [["lost answer", "lost answer", "lost answer"], true, 4],
    [["not applied", "not applied", "not applied"], false, 4],
    [["not applied", "lost answer"], true, 3],
    [["not applied", "refused for now"], false, 3],
  ])("%j: adopted is %s after %s calls", async (fates, adopted, calls) => {
    const real = memoryBackend();
    const { backend, settle, ...at } = faulty(real, fates);
    const result = await createOrAdopt(backend, KEY, bodyOf(object(1)));
    expect(result).toMatchObject({ adopted, entry: { key: KEY, size: 40 } });
    expect(at.calls()).toBe(calls);
    await settle();
    expect(await real.read(KEY)).toEqual(object(1));
  });

  it.each<readonly [string, Uint8Array]>([
    ["another id", object(2, 1)],
    ["another id, in its last byte", Object.assign(object(1), { 15: 2 })],
    ["another checksum", object(1, 2)],
    ["another checksum, in its first byte", Object.assign(object(1), { 36: 2 })],
    ["another length", object(1, 1, 41)],
    ["nothing in it", new Uint8Array(0)],
  ])("an object with %s is another one", async (_what, foreign) => {
    for (const fates of [["ok"], ["not applied"], ["refused for now"], ["not applied", "not applied"]] as const) {
      const real = memoryBackend();
      await real.create(KEY, foreign);
      const { backend } = faulty(real, fates);
      const code = fates[0] === "refused for now" ? "STORAGE_FULL" : "STORAGE_ALREADY_EXISTS";
      await expectStorageError(() => createOrAdopt(backend, KEY, bodyOf(object(1))), code);
      expect(await real.read(KEY)).toEqual(foreign);
    }
  });

  it.each<readonly [Fate[], number]>([
    [["not applied", "not applied", "not applied", "not applied", "ok"], 4],
    [["lost answer", "lost answer", "lost answer", "lost answer"], 4],
    [["late after", "refused"], 2],
    [["not applied", "refused for now", "refused for now", "refused for now", "ok"], 4],
  ])("%j: may have been created, and a second call finds out", async (fates, calls) => {
    const real = memoryBackend();
    const { backend, settle, ...at } = faulty(real, fates);
    const error = await expectStorageError(() => createOrAdopt(backend, KEY, bodyOf(object(1))), "STORAGE_WRITE_FAILED");
    expect(error).toMatchObject({ outcome: "unknown", operation: "createOrAdopt", key: KEY, backend: "memory" });
    expect(error.cause).toMatchObject({ message: "injected" });
    expect(at.calls()).toBe(calls);
    await settle();
    const was = await real.read(KEY);
    expect(await createOrAdopt(real, KEY, bodyOf(object(1)))).toMatchObject({ adopted: was !== undefined });
    expect(await real.read(KEY)).toEqual(object(1));
  });

  it.each<Fate>(["refused", "refused for now"])("%j at first is certain, and passed on", async (fate) => {
    const real = memoryBackend();
    const { backend, calls } = faulty(real, [fate]);
    const error = await expectStorageError(() => createOrAdopt(backend, KEY, bodyOf(object(1))), "STORAGE_FULL");
    expect(error).toMatchObject({ outcome: "not_applied", operation: "create" });
    expect(calls()).toBe(1);
    expect(await real.read(KEY)).toBeUndefined();
  });

  it("what cannot be read back may be ours: unknown, or found at the next attempt", async () => {
    const broken = new StorageError("STORAGE_READ_FAILED", "injected", { operation: "stat" });
    const real = memoryBackend();
    const once = faulty(real, ["lost answer"], [broken]);
    expect(await createOrAdopt(once.backend, KEY, bodyOf(object(1)))).toMatchObject({ adopted: true });
    expect(once.calls()).toBe(3);
    const often = faulty(real, [], Array.from({ length: 4 }, () => broken));
    const error = await expectStorageError(() => createOrAdopt(often.backend, KEY, bodyOf(object(1))), "STORAGE_WRITE_FAILED");
    expect(error).toMatchObject({ outcome: "unknown", cause: broken });
    expect(often.calls()).toBe(4);
  });

  it("a foreign object says not applied to a first attempt, and unknown to one after doubt: ours may have been there and gone", async () => {
    for (const [fates, outcome] of [
      [["ok"], "not_applied"],
      [["not applied", "ok"], "unknown"],
    ] as const) {
      const real = memoryBackend();
      await real.create(KEY, object(2));
      const { backend } = faulty(real, fates);
      const error = await expectStorageError(() => createOrAdopt(backend, KEY, object(1)), "STORAGE_ALREADY_EXISTS");
      expect(error.outcome).toBe(outcome);
    }
  });

  it("an object that is gone again is not made anew", async () => {
    const real = memoryBackend();
    const { backend } = faulty(real, ["lost answer"]);
    const vanishing: StorageBackend = {
      ...backend,
      stat: async (key, options) => {
        await real.remove([key]);
        return real.stat(key, options);
      },
    };
    await expectStorageError(() => createOrAdopt(vanishing, KEY, bodyOf(object(1))), "STORAGE_ALREADY_EXISTS");
    expect(await real.read(KEY)).toBeUndefined();
  });

  it("an abort rejects with the reason, also between attempts", async () => {
    const reason = new Error("enough");
    const real = memoryBackend();
    await expect(createOrAdopt(real, KEY, bodyOf(object(1)), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const { backend, calls } = faulty(real, ["not applied", "not applied"]);
    const aborting: StorageBackend = {
      ...backend,
      create: (...given) => {
        controller.abort(reason);
        return backend.create(...given);
      },
    };
    await expect(createOrAdopt(aborting, KEY, bodyOf(object(1)), { signal: controller.signal })).rejects.toBe(reason);
    expect(calls()).toBe(1);
  });
});

describe("createOrAdopt", () => {
  it("looks where id and checksum are said to be", async () => {
    const bytes = new Uint8Array(100).fill(7);
    bytes.fill(1, 24, 40);
    bytes.fill(9, 84);
    const options = { idOffset: 24, trailerBytes: 16 };
    for (const pieceBytes of [1, 3, 16, 23, 30, 41, 99, 1000]) {
      for (const [at, ours] of [[23, true], [24, false], [39, false], [40, true], [83, true], [84, false], [99, false]] as const) {
        const real = memoryBackend();
        await real.create(KEY, Object.assign(bytes.slice(), { [at]: 0 }));
        const outcome = createOrAdopt(real, KEY, streamed(bytes, pieceBytes), options).then((it) => it.adopted, (error: unknown) => isHoldfastError(error) && error.code);
        expect(await outcome).toBe(ours ? true : "STORAGE_ALREADY_EXISTS");
      }
    }
  });

  it.each([
    { idOffset: -1 },
    { idOffset: 0.5 },
    { idOffset: 2 ** 53 },
    { trailerBytes: 3 },
    { trailerBytes: 17 },
    { attempts: 0 },
    { attempts: 101 },
    { attempts: NaN },
    { idOffset: 21 },
  ])("refuses %j", async (options) => {
    const real = memoryBackend();
    const error = await expectStorageError(() => createOrAdopt(real, KEY, object(1), options), "STORAGE_INVALID_ARGUMENT");
    expect(error.outcome).toBe("not_applied");
    expect(await real.read(KEY)).toBeUndefined();
  });

  it("makes no more attempts than it may", async () => {
    const { backend, calls } = faulty(memoryBackend(), ["not applied", "ok"]);
    await expectStorageError(() => createOrAdopt(backend, KEY, object(1), { attempts: 1 }), "STORAGE_WRITE_FAILED");
    expect(calls()).toBe(1);
  });

  it("a source that gives its bytes only once never becomes an empty object", async () => {
    for (const fate of ["not applied", "lost answer"] as const) {
      const real = memoryBackend();
      const items = streamed(object(1)).open();
      const { backend } = faulty(real, [fate, "ok"]);
      const body: StorageBody = { open: () => items };
      await all(items);
      const error = await expectStorageError(() => createOrAdopt(backend, KEY, body), "STORAGE_WRITE_FAILED");
      expect(error.outcome).toBe("unknown");
      expect((await real.read(KEY))?.length).toBe(fate === "not applied" ? undefined : 0);
    }
  });

  it("a source that gives less the second time never becomes an object", async () => {
    const real = memoryBackend();
    let opened = 0;
    const body: StorageBody = {
      open() {
        opened += 1;
        return streamed(opened === 1 ? object(1) : utf8("short")).open();
      },
    };
    const { backend } = faulty(real, ["not applied", "ok", "ok", "ok"]);
    expect((await expectStorageError(() => createOrAdopt(backend, KEY, body), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
    expect(await real.read(KEY)).toBeUndefined();
  });
});

const fate = fc.constantFrom<Fate>("ok", "lost answer", "not applied", "late before", "late after", "retried below", "refused", "refused for now");

it("two writers of one key: at most one believes to have it, it has it, and who is told not_applied has not", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 5 }), fc.array(fate, { maxLength: 5 }), async (mine, theirs) => {
      const disk = memoryDisk();
      const writers = [mine, theirs].map((fates) => faulty(memoryBackend({ disk }), fates));
      const results = await Promise.allSettled(writers.map(({ backend }, index) => createOrAdopt(backend, KEY, object(index + 1))));
      for (const { settle } of writers) await settle();
      const found = await memoryBackend({ disk }).read(KEY);
      for (const [index, result] of results.entries()) {
        if (result.status === "fulfilled") expect(found).toEqual(object(index + 1));
        else if ((result.reason as StorageError).outcome !== "unknown") expect(found?.[0]).not.toBe(index + 1);
      }
    }),
  );
});
