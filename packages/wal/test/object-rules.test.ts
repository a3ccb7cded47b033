import { memoryBackend, memoryDisk, storageKey, storagePrefix, StorageError, type StorageBackend, type StorageBody, type StorageKey } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, verifyLog } from "../src/index.js";
import { all, bytesOf, rejection, texts, turns, walError } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";

/* Each rule that the log on objects rests on, and the shortest history that breaks without it. */

const PREFIX = "orders";

function key(directory: "log" | "trim", position: number): StorageKey {
  return storageKey(`${PREFIX}/${directory}/${digits(position)}.wal`);
}

function pack(first: number, last: number): StorageKey {
  return storageKey(`${PREFIX}/pack/${digits(last)}-${digits(first)}.wal`);
}

function digits(position: number): string {
  return String(position).padStart(20, "0");
}

function place(): { readonly storage: StorageBackend; readonly has: (key: StorageKey) => Promise<boolean>; readonly positions: () => Promise<number[]> } {
  const storage = memoryBackend({ appendable: false });
  return {
    storage,
    has: async (it) => (await storage.stat(it)) !== undefined,
    async positions() {
      const found: number[] = [];
      for await (const { key: it } of storage.list(storagePrefix("orders/log"))) found.push(Number(it.slice(-24, -4)));
      return found;
    },
  };
}

/** Appends records `first` to `last`, each in a commit of its own. */
async function append(log: { append(value: Uint8Array): Promise<number> }, first: number, last: number): Promise<void> {
  for (let seq = first; seq <= last; seq++) expect(await log.append(bytesOf(`r${seq}`))).toBe(seq);
}

function records(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}:r${first + index}`);
}

function lost(it: string): StorageError {
  return new StorageError("STORAGE_WRITE_FAILED", "the answer was lost", { operation: "create", key: it, outcome: "unknown", retryable: true });
}

/** Storage in which creating is something else. */
function creating(storage: StorageBackend, create: (key: StorageKey, body: StorageBody, done: () => Promise<unknown>) => Promise<unknown>): StorageBackend {
  return {
    ...delegate(storage),
    async create(it, body, options) {
      await create(it, body, () => storage.create(it, body, options));
      return { key: it, size: 0, modifiedAt: 0 };
    },
  };
}

describe("claims", () => {
  test("outlive trims and merges, by the writer and by others", async () => {
    const { storage, positions } = place();
    for (let round = 0; round < 4; round++) {
      const log = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
      await append(log, round * 3 + 1, round * 3 + 3);
      if (round === 2) await log.trim(8);
      await log.close();
    }
    await mergeLog({ storage, prefix: PREFIX, packObjects: 2 });
    const claims = (await positions()).filter((it) => [1, 5, 9, 13].includes(it));
    expect(claims).toEqual([1, 5, 9, 13]);
    const log = await openLog({ storage, prefix: PREFIX });
    await log.trim(13);
    await log.close();
    expect(await positions(), "nothing else is left").toEqual([1, 5, 9, 13, 17]);
  });

  test("stop a writer that stood still while its successor worked, trimmed and merged", async () => {
    const { storage } = place();
    const a = await openLog({ storage, prefix: PREFIX });
    await append(a, 1, 1);
    const b = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    await append(b, 2, 8);
    await b.trim(6);
    await b.close();
    expect(await walError(a.append(bytesOf("late")), "WAL_FENCED")).toMatchObject({ outcome: "not_applied" });
    await a.close();
  });

  test("count only if a listing shows nothing behind them", async () => {
    const { storage } = place();
    const a = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    await append(a, 1, 1);
    // B has looked for the end, and its claim is on its way while A writes, and packs what it wrote.
    let isFirst = true;
    const slow = creating(storage, async (it, _, done) => {
      if (isFirst) {
        isFirst = false;
        await append(a, 2, 6);
        await a.trim(4);
        await turns();
        expect(await storage.stat(it), "its place is free again").toBeUndefined();
      }
      await done();
    });
    const b = await openLog({ storage: slow, prefix: PREFIX });
    expect(b.recovery.takeover).toMatchObject({ attempts: 2 });
    expect(b.nextSeq).toBe(7);
    expect(await b.append(bytesOf("r7"))).toBe(7);
    await walError(a.append(bytesOf("late")), "WAL_FENCED");
    expect(await texts(b, { from: 4 })).toEqual(records(4, 7));
    await a.close();
    await b.close();
    expect((await verifyLog({ storage, prefix: PREFIX })).findings).toEqual([]);
  });
});

describe("an answer that says nothing", () => {
  test("is resolved by reading back: done", async () => {
    const { storage } = place();
    const forgetful = creating(storage, async (it, _, done) => {
      await done();
      throw lost(it);
    });
    const log = await openLog({ storage: forgetful, prefix: PREFIX });
    await append(log, 1, 3);
    expect(await texts(log)).toEqual(records(1, 3));
    await log.close();
  });

  test("is resolved by reading back: not done, and sent again with the same bytes", async () => {
    const { storage } = place();
    const clock = new ManualClock();
    const sent: Uint8Array[] = [];
    let isDeaf = false;
    const deaf = creating(storage, async (it, body, done) => {
      if (isDeaf) {
        sent.push((body as Uint8Array).slice());
        if (sent.length < 4) throw lost(it);
      }
      await done();
    });
    const log = await openLog({ storage: deaf, prefix: PREFIX, clock });
    isDeaf = true;
    const appends = [log.append(bytesOf("r1"))];
    await turns();
    // What is appended meanwhile waits for the next position.
    appends.push(log.append(bytesOf("r2")));
    for (let tries = 0; tries < 5; tries++) {
      clock.advance(100);
      await turns();
    }
    expect(await Promise.all(appends)).toEqual([1, 2]);
    expect(sent).toHaveLength(5);
    for (const it of sent.slice(0, 4)) expect(Buffer.compare(it, sent[0]!)).toBe(0);
    expect(await texts(log)).toEqual(records(1, 2));
    await log.close();
  });

  test("and then another's object: fenced, and nobody knows whether it was done", async () => {
    const { storage } = place();
    let isLost = false;
    const log = await openLog({
      storage: creating(storage, async (it, _, done) => {
        if (isLost) {
          await (await openLog({ storage, prefix: PREFIX })).close();
          throw lost(it);
        }
        await done();
      }),
      prefix: PREFIX,
    });
    isLost = true;
    const error = await walError(log.append(bytesOf("a")), "WAL_FENCED");
    expect(error).toMatchObject({ outcome: "unknown", firstSeq: 1, lastSeq: 1 });
    expect((await walError(log.append(bytesOf("b")), "WAL_FENCED")).outcome).toBe("not_applied");
    await log.close();
  });

  test("an object of the same writer with other bytes is not its own", async () => {
    const { storage } = place();
    const log = await openLog({
      // What is stored is not what was sent, though its header is.
      storage: creating(storage, async (it, body) => {
        const bytes = (body as Uint8Array).slice();
        if (bytes.length > 128) bytes[bytes.length - 1]! ^= 1;
        await storage.create(it, bytes);
        throw lost(it);
      }),
      prefix: PREFIX,
    });
    expect((await walError(log.append(bytesOf("a")), "WAL_FENCED")).outcome).toBe("unknown");
    await log.close();
  });

  test("in the end poisons: no other bytes are ever sent to that position", async () => {
    const { storage } = place();
    let isDeaf = false;
    let arrives: (() => Promise<unknown>) | undefined;
    let sent = 0;
    const log = await openLog({
      storage: creating(storage, async (it, _, done) => {
        if (isDeaf) {
          sent++;
          arrives = done;
          throw lost(it);
        }
        await done();
      }),
      prefix: PREFIX,
      commitTimeoutMs: 0,
    });
    await append(log, 1, 1);
    isDeaf = true;
    expect(await walError(log.append(bytesOf("r2")), "WAL_POISONED")).toMatchObject({ outcome: "unknown", firstSeq: 2, lastSeq: 2 });
    isDeaf = false;
    expect((await walError(log.append(bytesOf("other")), "WAL_POISONED")).outcome).toBe("not_applied");
    expect(sent).toBe(1);
    await arrives?.();
    await log.close();
    const again = await openLog({ storage, prefix: PREFIX });
    expect(await texts(again)).toEqual(records(1, 2));
    await again.close();
  });

  test("refused for certain harms nothing: the numbers are given out again", async () => {
    const { storage } = place();
    let isFull = false;
    const log = await openLog({
      storage: creating(storage, async (it, _, done) => {
        if (isFull) throw new StorageError("STORAGE_FULL", "quota", { operation: "create", key: it, outcome: "not_applied", retryable: true });
        await done();
      }),
      prefix: PREFIX,
    });
    await append(log, 1, 1);
    isFull = true;
    expect(await rejection(log.append(bytesOf("lost")))).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    isFull = false;
    await append(log, 2, 3);
    expect(await texts(log)).toEqual(records(1, 3));
    await log.close();
    expect((await verifyLog({ storage, prefix: PREFIX })).findings).toEqual([]);
  });
});

describe("one request in flight", () => {
  test("however many appends there are", async () => {
    const { storage, positions } = place();
    let flying = 0;
    let most = 0;
    const log = await openLog({
      storage: creating(storage, async (_, __, done) => {
        most = Math.max(most, ++flying);
        await turns(2);
        await done();
        flying--;
      }),
      prefix: PREFIX,
      maxCommitBytes: 4096,
    });
    const appends = [];
    for (let seq = 1; seq <= 40; seq++) {
      appends.push(log.append(new Uint8Array(1000)));
      if (seq % 7 === 0) appends.push(log.sync());
      if (seq % 5 === 0) await turns(1);
    }
    await Promise.all(appends);
    expect(most).toBe(1);
    const found = await positions();
    expect(found).toEqual(found.map((_, index) => index + 1));
    await log.close();
  });
});

describe("the newest object", () => {
  test("stays, whatever is trimmed and merged", async () => {
    const { storage, has } = place();
    const log = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    for (let seq = 1; seq <= 9; seq++) {
      await append(log, seq, seq);
      await log.trim(seq + 1);
      await turns();
      expect(await has(key("log", seq + 1))).toBe(true);
      expect(await has(key("trim", seq + 1))).toBe(false);
    }
    expect(log.firstSeq).toBe(9);
    await log.close();
    await mergeLog({ storage, prefix: PREFIX, packObjects: 2 });
    expect(await has(key("log", 10))).toBe(true);
    const again = await openLog({ storage, prefix: PREFIX });
    expect([again.firstSeq, again.nextSeq]).toEqual([9, 10]);
    await again.close();
  });

  test("is in no pack", async () => {
    const { storage, has } = place();
    const log = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    for (let seq = 1; seq <= 9; seq++) {
      await append(log, seq, seq);
      await turns();
      expect(await has(key("log", seq + 1)), `record ${seq}`).toBe(true);
    }
    // Two objects each, the claim in the first; the newest waits.
    for (const first of [1, 3, 5, 7]) expect(await has(pack(first, first + 1))).toBe(true);
    expect(await has(pack(9, 10))).toBe(false);
    await log.close();
    await mergeLog({ storage, prefix: PREFIX, packObjects: 2 });
    expect(await has(pack(9, 10))).toBe(false);
    const other = place();
    const plain = await openLog({ storage: other.storage, prefix: PREFIX });
    await append(plain, 1, 3);
    await plain.close();
    expect(await mergeLog({ storage: other.storage, prefix: PREFIX, packObjects: 2 })).toEqual({ packs: 1, packedObjects: 2, removedObjects: 0 });
    expect(await other.positions()).toEqual([1, 3, 4]);
  });
});

describe("evidence before anything is removed", () => {
  /** Storage that notes what is removed, with what was created before. */
  function noting(storage: StorageBackend, isLost: (key: StorageKey) => boolean): { storage: StorageBackend; removed: string[] } {
    const removed: string[] = [];
    const noted: StorageBackend = {
      ...creating(storage, async (it, _, done) => {
        if (isLost(it)) throw lost(it);
        await done();
      }),
      async remove(keys, options) {
        removed.push(...keys);
        await storage.remove(keys, options);
      },
    };
    return { storage: noted, removed };
  }

  test("a floor that is not known to be there removes nothing, and the next trim tries again", async () => {
    const inner = place();
    let isDeaf = true;
    const { storage, removed } = noting(inner.storage, (it) => isDeaf && it.includes("/trim/"));
    const log = await openLog({ storage, prefix: PREFIX });
    await append(log, 1, 6);
    expect(await rejection(log.trim(4))).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "unknown" });
    await turns();
    expect(removed).toEqual([]);
    expect(log.firstSeq).toBe(1);
    expect(await texts(log)).toEqual(records(1, 6));
    isDeaf = false;
    await log.trim(4);
    expect(log.firstSeq).toBe(4);
    await append(log, 7, 7);
    await log.close();
    expect(removed).toEqual([2, 3, 4].map((it) => key("log", it)));
  });

  test("a pack that is not known to be there removes nothing", async () => {
    const inner = place();
    let isDeaf = true;
    const { storage, removed } = noting(inner.storage, (it) => isDeaf && it.includes("/pack/"));
    const log = await openLog({ storage, prefix: PREFIX, packObjects: 3 });
    await append(log, 1, 5);
    await turns();
    expect(removed).toEqual([]);
    expect(log.stats().packs).toBe(0);
    expect(await texts(log)).toEqual(records(1, 5));
    expect(await rejection(mergeLog({ storage, prefix: PREFIX, packObjects: 3 }))).toMatchObject({ code: "STORAGE_WRITE_FAILED" });
    expect(removed).toEqual([]);
    isDeaf = false;
    await append(log, 6, 20);
    await log.close();
    expect(removed.length).toBeGreaterThan(0);
    const again = await openLog({ storage, prefix: PREFIX });
    expect(await texts(again)).toEqual(records(1, 20));
    await again.close();
  });

  test("while a floor or pack is on its way nothing is removed", async () => {
    for (const what of ["/trim/", "/pack/"]) {
      const inner = place();
      const noted = noting(inner.storage, () => false);
      const order: string[] = [];
      const storage: StorageBackend = {
        ...noted.storage,
        async create(it, body, options) {
          if (it.includes(what)) await turns(5);
          if (it.includes(what)) order.push("created");
          return inner.storage.create(it, body, options);
        },
        async remove(keys, options) {
          order.push("removed");
          await inner.storage.remove(keys, options);
        },
      };
      const log = await openLog({ storage, prefix: PREFIX, packObjects: what === "/pack/" ? 4 : 4096 });
      await append(log, 1, 5);
      if (what === "/trim/") await log.trim(4);
      await turns(20);
      await log.close();
      expect(order[0]).toBe("created");
      expect(order).toContain("removed");
    }
  });

  test("of the floors the greatest stays, whoever made it", async () => {
    const { storage, has } = place();
    const a = await openLog({ storage, prefix: PREFIX });
    await append(a, 1, 8);
    // While A trims to 4, and has made its floor, B trims further, and has removed what is below.
    const slow: StorageBackend = {
      ...creating(storage, async (it, _, done) => {
        await done();
        if (!it.endsWith(`/trim/${digits(4)}.wal`)) return;
        const b = await openLog({ storage, prefix: PREFIX });
        await b.trim(7);
        await b.close();
      }),
    };
    const again = await openLog({ storage: slow, prefix: PREFIX });
    await again.trim(4);
    await again.close();
    expect(await has(key("trim", 7))).toBe(true);
    expect(await has(key("trim", 4))).toBe(false);
    const c = await openLog({ storage, prefix: PREFIX });
    expect([c.firstSeq, c.nextSeq]).toEqual([7, 9]);
    expect(await texts(c)).toEqual(records(7, 8));
    await a.close();
    await c.close();
  });
});

describe("a merger that reads", () => {
  test("gives up if what it read may have been removed before", async () => {
    for (const remover of ["merges", "trims"]) {
      const disk = memoryDisk();
      const storage = memoryBackend({ disk, appendable: false });
      const a = await openLog({ storage, prefix: PREFIX, packObjects: 4096 });
      await append(a, 1, 1);
      // An opener has looked for the end, and its claim for position 3 arrives when what stood there has been removed.
      let ghost: (() => Promise<unknown>) | undefined;
      const stalled = openLog({
        storage: creating(storage, (it, _, done) => {
          ghost = done;
          return new Promise(() => it);
        }),
        prefix: PREFIX,
      });
      stalled.catch(() => undefined);
      await turns();
      await append(a, 2, 6);
      // The merger has listed; before it reads, somebody else removes.
      let isFirst = true;
      const slow: StorageBackend = {
        ...delegate(storage),
        async read(it, options) {
          // The last of those that it merges: what comes in its place leaves no gap in the numbers.
          if (isFirst && it === key("log", 3)) {
            isFirst = false;
            if (remover === "merges") await mergeLog({ storage, prefix: PREFIX, packObjects: 6 });
            else await a.trim(6);
            await turns();
            await ghost?.();
            expect((await storage.stat(it))?.size).toBe(128);
          }
          return storage.read(it, options);
        },
      };
      const merged = await mergeLog({ storage: slow, prefix: PREFIX, packObjects: 3 });
      expect(merged.packs, remover).toBe(0);
      const log = await openLog({ storage, prefix: PREFIX });
      expect(await texts(log)).toEqual(records(remover === "merges" ? 1 : 6, 6));
      await log.close();
      await a.close();
    }
  });
});

describe("a reader", () => {
  test("does not take a claim that came late for what it was after", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX, packObjects: 4096 });
    await append(a, 1, 1);
    let ghost: (() => Promise<unknown>) | undefined;
    void openLog({
      storage: creating(storage, (it, _, done) => {
        ghost = done;
        return new Promise(() => it);
      }),
      prefix: PREFIX,
    });
    await turns();
    await append(a, 2, 3);
    // The reader has listed positions 1 to 4. Then they are merged, and a claim arrives at 3, where record 2 was.
    let isFirst = true;
    const slow: StorageBackend = {
      ...delegate(storage),
      async read(it, options) {
        if (isFirst && it === key("log", 3)) {
          isFirst = false;
          await mergeLog({ storage, prefix: PREFIX, packObjects: 3 });
          await ghost?.();
          expect((await storage.stat(it))?.size).toBe(128);
        }
        return storage.read(it, options);
      },
    };
    const reader = await openLogReader({ storage: slow, prefix: PREFIX });
    expect(await texts(reader)).toEqual(records(1, 3));
    expect(isFirst, "it has met it").toBe(false);
    await reader.close();
    await a.close();
  });

  test("does not take such a claim for the end", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX, packObjects: 4096 });
    await append(a, 1, 1);
    let ghost: (() => Promise<unknown>) | undefined;
    void openLog({
      storage: creating(storage, (it, _, done) => {
        ghost = done;
        return new Promise(() => it);
      }),
      prefix: PREFIX,
    });
    await turns();
    // The reader will have listed position 3 as the newest.
    let isFirst = false;
    const slow: StorageBackend = {
      ...delegate(storage),
      async read(it, options) {
        if (isFirst && it === key("log", 3)) {
          isFirst = false;
          await append(a, 3, 4);
          await mergeLog({ storage, prefix: PREFIX, packObjects: 4 });
          await ghost?.();
        }
        return storage.read(it, options);
      },
    };
    const reader = await openLogReader({ storage: slow, prefix: PREFIX });
    await append(a, 2, 2);
    isFirst = true;
    expect(await texts(reader)).toEqual(records(1, 4));
    expect(isFirst).toBe(false);
    await reader.close();
    await a.close();
  });

  test("looks again when an object is gone, and is told of a trim", async () => {
    for (const remover of ["merges", "trims"]) {
      const storage = memoryBackend({ appendable: false });
      const a = await openLog({ storage, prefix: PREFIX, packObjects: 4096 });
      await append(a, 1, 6);
      let isFirst = true;
      const slow: StorageBackend = {
        ...delegate(storage),
        async read(it, options) {
          if (isFirst && it === key("log", 3)) {
            isFirst = false;
            if (remover === "merges") await mergeLog({ storage, prefix: PREFIX, packObjects: 3 });
            else await a.trim(5);
            await turns();
            expect(await storage.stat(it)).toBeUndefined();
          }
          return storage.read(it, options);
        },
      };
      const reader = await openLogReader({ storage: slow, prefix: PREFIX });
      if (remover === "merges") expect(await texts(reader)).toEqual(records(1, 6));
      else expect((await walError(texts(reader), "WAL_TRIMMED")).firstSeq).toBe(5);
      expect(reader.firstSeq).toBe(remover === "merges" ? 1 : 5);
      await reader.close();
      await a.close();
    }
  });

  test("shows what was acknowledged before it was asked, also while somebody else looks", async () => {
    const storage = memoryBackend({ appendable: false });
    const a = await openLog({ storage, prefix: PREFIX });
    await append(a, 1, 1);
    let isSlow = false;
    let answer = (): void => undefined;
    const slow: StorageBackend = {
      ...delegate(storage),
      async *list(prefix, options) {
        const entries = await all(storage.list(prefix, options));
        if (isSlow) await new Promise<void>((resolve) => (answer = resolve));
        yield* entries;
      },
    };
    const reader = await openLogReader({ storage: slow, prefix: PREFIX });
    isSlow = true;
    const first = texts(reader);
    await turns();
    answer();
    await turns();
    // The listing of objects was taken, and is on its way.
    await append(a, 2, 2);
    const second = texts(reader);
    isSlow = false;
    answer();
    expect(await first).toEqual(records(1, 1));
    expect(await second).toEqual(records(1, 2));
    await reader.close();
    await a.close();
  });

  test("that follows is given what was packed before it came by", async () => {
    const storage = memoryBackend({ appendable: false });
    const clock = new ManualClock();
    const a = await openLog({ storage, prefix: PREFIX, packObjects: 2 });
    await append(a, 1, 1);
    const reader = await openLogReader({ storage, prefix: PREFIX, clock });
    const abort = new AbortController();
    const seen: number[] = [];
    const following = (async () => {
      for await (const { seq } of reader.follow({ signal: abort.signal })) seen.push(seq);
    })();
    await turns();
    expect(seen).toEqual([1]);
    // The next position is empty when it asks for it: it must list, some time.
    await append(a, 2, 9);
    await turns();
    expect(await storage.stat(key("log", 3))).toBeUndefined();
    for (let looks = 0; looks < 10; looks++) {
      clock.advance(1000);
      await turns();
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    abort.abort();
    await following;
    await reader.close();
    await a.close();
  });

  test.each([
    { pollMs: 100, looks: 20, reads: 18, lists: 4 },
    { pollMs: undefined, looks: 60, reads: 48, lists: 24 },
  ])("asks for the next object, and lists every tenth time or after five seconds (pollMs $pollMs)", async ({ pollMs, looks, reads, lists }) => {
    const storage = memoryBackend({ appendable: false });
    const clock = new ManualClock();
    const a = await openLog({ storage, prefix: PREFIX });
    await append(a, 1, 2);
    const asked: string[] = [];
    const counting: StorageBackend = {
      ...delegate(storage),
      read(it, options) {
        asked.push("read");
        return storage.read(it, options);
      },
      list(prefix, options) {
        asked.push("list");
        return storage.list(prefix, options);
      },
    };
    const reader = await openLogReader({ storage: counting, prefix: PREFIX, clock, pollMs });
    const abort = new AbortController();
    const following = all(reader.follow({ signal: abort.signal }));
    await turns();
    asked.length = 0;
    for (let count = 0; count < looks; count++) {
      clock.advance(pollMs ?? 1000);
      await turns();
    }
    // The README's price of a follower rests on these.
    expect(asked.filter((it) => it === "read")).toHaveLength(reads);
    expect(asked.filter((it) => it === "list"), "floors and the end, each time").toHaveLength(lists);
    abort.abort();
    await following;
    await reader.close();
    await a.close();
  });
});
