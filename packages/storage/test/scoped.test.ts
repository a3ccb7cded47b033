import { describe, expect, it } from "vitest";
import { memoryBackend, memoryDisk, scoped, StorageError, storageKey, storagePrefix, type StorageBackend } from "../src/index.js";
import { all, expectStorageError, text, utf8 } from "./expect-storage-error.js";

const KEY = storageKey("a/b.x");

async function keys(backend: StorageBackend, prefix = ""): Promise<string[]> {
  return (await all(backend.list(storagePrefix(prefix)))).map((entry) => entry.key);
}

describe("scoped", () => {
  it("sees what lies below the prefix, under keys without it, and nothing else", async () => {
    const backend = memoryBackend();
    const view = scoped(backend, "tenants/a");
    await view.create(KEY, utf8("mine"));
    await backend.create(storageKey("tenants/b/a/b.x"), utf8("other"));
    await backend.create(storageKey("tenants/a.x"), utf8("beside"));
    await backend.create(storageKey("a/b.x"), utf8("root"));
    expect(text(await backend.read(storageKey("tenants/a/a/b.x")))).toBe("mine");
    expect(await keys(view)).toEqual(["a/b.x"]);
    expect(await keys(view, "a")).toEqual(["a/b.x"]);
    await view.replace(KEY, utf8("new"));
    expect(text(await view.read(KEY))).toBe("new");
    await view.remove([KEY]);
    expect(await keys(backend)).toEqual(["a/b.x", "tenants/a.x", "tenants/b/a/b.x"]);
  });

  it("lists after a key of the view", async () => {
    const view = scoped(memoryBackend(), "z");
    for (const name of ["a.x", "b.x", "c.x"]) await view.create(storageKey(name), utf8(name));
    expect((await all(view.list(storagePrefix(""), { after: storageKey("a.x"), limit: 1 }))).map((entry) => entry.key)).toEqual(["b.x"]);
  });

  it("has the name and the capabilities of the backend", () => {
    expect(scoped(memoryBackend(), "a").name).toBe("memory");
    expect(scoped(memoryBackend(), "a").appendable).toBeDefined();
    expect(scoped(memoryBackend({ appendable: false }), "a").appendable).toBeUndefined();
  });

  it.each(["../a", "/", "a.b", "A", "a//b"])("refuses the prefix %j", async (prefix) => {
    await expectStorageError(() => scoped(memoryBackend(), prefix), "STORAGE_INVALID_KEY");
  });

  it("leaves to a key what the prefix leaves of 900 bytes", async () => {
    const view = scoped(memoryBackend(), "a".repeat(99));
    const longest = storageKey(`${"d".repeat(200)}/`.repeat(3) + `${"f".repeat(195)}.x`);
    expect(longest).toHaveLength(800);
    await view.create(longest, utf8("x"));
    expect(await keys(view)).toEqual([longest]);
    await expectStorageError(() => view.create(storageKey(`f${longest}`), utf8("x")), "STORAGE_INVALID_KEY");
  });

  it("closes what was opened through it, and not the backend", async () => {
    const backend = memoryBackend();
    const view = scoped(backend, "a");
    const file = await view.appendable!.open(KEY, { mode: "create" });
    expect(file.key).toBe(KEY);
    await view.appendable!.lock(storagePrefix("b"));
    await backend.appendable!.lock(storagePrefix("c"));
    const mine = await backend.appendable!.open(storageKey("mine.x"), { mode: "create" });
    await view.close();
    await expectStorageError(() => file.append(utf8("x")), "STORAGE_CLOSED");
    await (await scoped(backend, "a").appendable!.lock(storagePrefix("b"))).release();
    await expectStorageError(() => backend.appendable!.lock(storagePrefix("c")), "STORAGE_LOCKED");
    await mine.append(utf8("x"));
    expect(await keys(backend)).toEqual(["a/a/b.x", "mine.x"]);
  });

  it("shares locks with whoever names the same place", async () => {
    const backend = memoryBackend();
    const lock = await scoped(backend, "a").appendable!.lock(storagePrefix("b"));
    expect(lock.name).toBe("a/b/.lock");
    const error = await expectStorageError(() => backend.appendable!.lock(storagePrefix("a/b")), "STORAGE_LOCKED");
    expect(error.key).toBe("a/b/.lock");
    await lock.release();
    await (await backend.appendable!.lock(storagePrefix("a/b"))).release();
  });

  it("names in errors are those of the backend, failed keys those of the view", async () => {
    const disk = memoryDisk();
    const failing: StorageBackend = {
      ...memoryBackend({ disk }),
      remove: (given) =>
        Promise.reject(
          new StorageError("STORAGE_REMOVE_FAILED", "remove: 1 of 2 failed", {
            operation: "remove",
            backend: "memory",
            retryable: true,
            outcome: "unknown",
            failedKeys: given.slice(1),
            cause: new Error("below"),
          }),
        ),
    };
    const view = scoped(failing, "z");
    const error = await expectStorageError(() => view.remove([KEY, storageKey("c.x")]), "STORAGE_REMOVE_FAILED");
    expect(error).toMatchObject({ failedKeys: ["c.x"], operation: "remove", backend: "memory", retryable: true, outcome: "unknown" });
    expect(error.cause).toMatchObject({ failedKeys: ["z/c.x"] });

    const plain = scoped(memoryBackend({ disk }), "z");
    await plain.create(KEY, utf8("x"));
    expect((await expectStorageError(() => plain.create(KEY, utf8("y")), "STORAGE_ALREADY_EXISTS")).key).toBe("z/a/b.x");
  });
});
