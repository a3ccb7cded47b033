import { describe, expect, it } from "vitest";
import { memoryBackend, storageKey, storagePrefix, type StorageKey } from "../src/index.js";
import { Disk } from "../src/memory-disk.js";
import { MemoryNodes } from "../src/memory-nodes.js";
import { all, utf8 } from "./expect-storage-error.js";

const NODE = { version: { buffer: new Uint8Array(0), dataBytes: 0, size: 0, modifiedAt: 0 } };

/** Nodes, and how often two names have been compared in them. */
function counted(): { readonly nodes: MemoryNodes; compared: () => number } {
  let comparisons = 0;
  const nodes = new MemoryNodes((one, other) => {
    comparisons += 1;
    return one < other;
  });
  return { nodes, compared: () => comparisons };
}

function keyOf(number: number): StorageKey {
  return storageKey(`n${String(number).padStart(7, "0")}/a.x`);
}

/** Each number below `count` once, far from the one before. */
function* scattered(count: number): Generator<number, void, undefined> {
  for (let index = 0; index < count; index += 1) yield (index * 7919) % count;
}

function inOrder(nodes: MemoryNodes): StorageKey[] {
  const keys: StorageKey[] = [];
  for (let key = nodes.next("", false); key !== undefined; key = nodes.next(key, true)) keys.push(key);
  return keys;
}

describe("the names of a memory disk", () => {
  it("are found in order, whatever order they came in and however many went", () => {
    const nodes = new MemoryNodes();
    const expected = new Set<StorageKey>();
    for (const number of scattered(5_000)) {
      nodes.set(keyOf(number), NODE);
      expected.add(keyOf(number));
    }
    expect(inOrder(nodes)).toEqual([...expected].sort());
    for (const number of scattered(5_000)) {
      if (number % 3 === 0 || (number > 1_000 && number < 3_000)) {
        nodes.delete(keyOf(number));
        nodes.delete(keyOf(number)); // it is gone, and nothing else goes
        expected.delete(keyOf(number));
      }
    }
    expect(inOrder(nodes)).toEqual([...expected].sort());
    for (const key of [...expected]) nodes.delete(key);
    expect(inOrder(nodes)).toEqual([]);
    nodes.set(keyOf(7), NODE);
    expect(inOrder(nodes)).toEqual([keyOf(7)]);
  });

  it("are sought from a place where nothing is, too", () => {
    const nodes = new MemoryNodes();
    for (let number = 0; number < 2_000; number += 2) nodes.set(keyOf(number), NODE);
    for (const [sought, found] of [[0, 0], [1, 2], [511, 512], [512, 512], [1_023, 1_024], [1_997, 1_998]] as const) {
      expect(nodes.next(keyOf(sought), false)).toBe(keyOf(found));
    }
    expect(nodes.next(keyOf(512), true)).toBe(keyOf(514));
    expect(nodes.next(keyOf(1_998), true)).toBeUndefined();
  });

  it("keep one node each", () => {
    const nodes = new MemoryNodes();
    const second = { ...NODE };
    nodes.set(keyOf(1), NODE);
    nodes.set(keyOf(1), second);
    expect(inOrder(nodes)).toEqual([keyOf(1)]);
    expect(nodes.get(keyOf(1))).toBe(second);
  });
});

describe("the work of a memory backend", () => {
  it.each([100, 50_000])("of writing and listing one directory does not grow with the others: %i of them", async (others) => {
    const { nodes, compared } = counted();
    for (const number of scattered(others)) nodes.set(keyOf(number), NODE);
    const backend = memoryBackend({ disk: new Disk(nodes) });
    const before = compared();
    const key = storageKey("n0000050/b.x");
    await backend.create(key, utf8("content"));
    expect((await all(backend.list(storagePrefix("n0000050/")))).map((entry) => entry.key)).toEqual([keyOf(50), key]);
    expect(await all(backend.list(storagePrefix("n0000050/"), { after: key, limit: 1 }))).toEqual([]);
    await backend.remove([key]);
    // Six searches, each by halving: log2(50,000) is under 16, and a few more where a block begins.
    expect(compared() - before).toBeLessThan(6 * 20);
  });

  it("of a list goes only as far as the list is read", async () => {
    const { nodes, compared } = counted();
    for (const number of scattered(50_000)) nodes.set(keyOf(number), NODE);
    const backend = memoryBackend({ disk: new Disk(nodes) });
    const before = compared();
    expect(await all(backend.list(storagePrefix(""), { limit: 3 }))).toHaveLength(3);
    expect(compared() - before).toBeLessThan(4 * 20);
  });
});
