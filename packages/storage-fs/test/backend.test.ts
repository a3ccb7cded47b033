import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, storageKey, storagePrefix } from "@holdfast/storage";
import { expect, test } from "vitest";
import { fsBackend } from "../src/index.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("a/b/object.bin");

test("the root is made with everything above it, and objects are files below it", async () => {
  const root = join(await tempRoot(), "x", "y");
  const backend = await fsBackend({ root });
  await backend.create(KEY, new Uint8Array([1, 2, 3]));
  expect(await backend.read(KEY)).toEqual(new Uint8Array([1, 2, 3]));
  expect((await stat(join(root, KEY))).size).toBe(3);
  expect(await readdir(root)).toEqual(["a"]);
  await backend.close();
});

test("files are 0600 and directories 0700 unless the caller says otherwise", async () => {
  const root = join(await tempRoot(), "x", "y");
  for (const [fileMode, directoryMode] of [
    [undefined, undefined],
    [0o640, 0o750],
  ]) {
    const at = join(root, String(fileMode));
    const backend = await fsBackend({ root: at, fileMode, directoryMode });
    await backend.create(KEY, new Uint8Array(3));
    await backend.replace(storageKey("a/hint.json"), new Uint8Array(3));
    await (await backend.appendable.lock(storagePrefix("l/"))).release();
    await (await backend.appendable.open(storageKey("f/file.wal"), { mode: "create" })).close();
    const modes = await Promise.all(
      ["a", "a/b", "l", "f", "a/b/object.bin", "a/hint.json", "l/.lock", "f/file.wal"].map(async (name) => {
        return (await stat(join(at, name))).mode & 0o777;
      }),
    );
    const [file, directory] = [fileMode ?? 0o600, directoryMode ?? 0o700];
    expect(modes).toEqual([directory, directory, directory, directory, file, file, file, file]);
    expect((await stat(at)).mode & 0o777).toBe(directory);
    await backend.close();
  }
});

test("options out of bounds are refused", async () => {
  const root = await tempRoot();
  for (const options of [{ root: "" }, { root: "a\0b" }, { root, fileMode: -1 }, { root, fileMode: 0o1000 }, { root, directoryMode: 0.5 }]) {
    const error: unknown = await fsBackend(options).catch((it: unknown) => it);
    expect(hasCode(error, "STORAGE_INVALID_ARGUMENT")).toBe(true);
  }
});
