import { storageKey, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freePath, places, storages } from "../src/index.js";

const KEY = storageKey("a.bin");

async function keysIn(storage: StorageBackend): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(storagePrefix(""))) keys.push(key);
  return keys;
}

describe.each(places)("%s", (name, newPlace) => {
  it("is empty, outlives the process that uses it, and is a place of its own", async () => {
    const [place, other] = [newPlace(), newPlace()];
    const storage = await place.open();
    expect(await place.run(keysIn(storage))).toEqual([]);
    await place.run(storage.create(KEY, Buffer.from("kept")));
    await place.kill();
    const again = await place.open();
    expect(Buffer.from((await place.runBesideFiles(again.read(KEY))) ?? []).toString()).toBe("kept");
    expect(await other.run(keysIn(await other.open()))).toEqual([]);
    expect(again.appendable === undefined).toBe(name === "memory without append" || name === "a simulated object store");
    await place.kill();
    await other.kill();
  });
});

describe("storages", () => {
  const opened: StorageBackend[] = [];

  it.each(storages)("answer by themselves: %s", async (_, open) => {
    const storage = await open();
    opened.push(storage);
    await storage.create(KEY, Buffer.from("kept"));
    expect(await keysIn(storage)).toEqual([KEY]);
  });

  it("are closed after their test", async () => {
    expect(opened).toHaveLength(storages.length);
    for (const storage of opened) await expect(storage.read(KEY)).rejects.toMatchObject({ code: "STORAGE_CLOSED" });
  });
});

describe("a free path", () => {
  const used: string[] = [];

  it("is not there yet, and another one each time", async () => {
    used.push(freePath(), freePath());
    expect(new Set(used).size).toBe(2);
    for (const path of used) {
      expect(existsSync(path)).toBe(false);
      await mkdir(path);
      await writeFile(join(path, "file"), "");
    }
  });

  it("is removed after the test", () => {
    expect(used).toHaveLength(2);
    expect(used.filter((path) => existsSync(join(path, "..")))).toEqual([]);
  });
});
