import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { memoryBackend, memoryDisk } from "@holdfast/storage";
import type { MemoryDisk, StorageBackend } from "@holdfast/storage";
import { expect, it } from "vitest";
import { conformanceCases, storageConformance } from "../src/index.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const example = /```ts\n(?:import .*\n)+\n(storageConformance.*?)```/s.exec(readme)![1]!;

const disks = new Map<string, MemoryDisk>();
function myBackend(root: string): Promise<StorageBackend> {
  const disk = disks.get(root) ?? memoryDisk();
  disks.set(root, disk);
  return Promise.resolve(memoryBackend({ disk }));
}

// Registers the suite, as it does in the reader's test file.
runInNewContext(example, { mkdtemp, rm, tmpdir, join, storageConformance, myBackend });

it("the README names every chapter, in the order in which they run", () => {
  const named = Array.from(readme.matchAll(/^\| (?!chapter)([a-z]+) \| /gm), ([, chapter]) => chapter);
  expect(named).toEqual([...new Set(conformanceCases.map((each) => each.chapter))]);
});
