import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { storageKey, storagePrefix } from "@holdfast/storage";
import { describe, expect, onTestFinished, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("a/b/x.bin");
const BYTES = new Uint8Array([1, 2, 3]);

/** Everything that can be done with the object and its directories. */
const operations: Readonly<Record<string, (backend: FsBackend) => Promise<unknown>>> = {
  read: (backend) => backend.read(KEY),
  stream: (backend) => backend.stream(KEY),
  stat: (backend) => backend.stat(KEY),
  create: (backend) => backend.create(KEY, BYTES),
  replace: (backend) => backend.replace(KEY, BYTES),
  remove: (backend) => backend.remove([KEY]),
  list: async (backend) => {
    for await (const entry of backend.list(storagePrefix("a/b/"))) return entry;
    return undefined;
  },
  "list above": async (backend) => {
    for await (const entry of backend.list(storagePrefix(""))) return entry;
    return undefined;
  },
  "append create": (backend) => backend.appendable.open(KEY, { mode: "create" }),
  "append continue": (backend) => backend.appendable.open(KEY, { mode: "continue" }),
  lock: (backend) => backend.appendable.lock(storagePrefix("a/b/")),
};

/** A directory outside the root with what the root could have. */
async function outside(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "holdfast-outside-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  await mkdir(join(path, "b"));
  await writeFile(join(path, "x.bin"), "outside");
  await writeFile(join(path, "b/x.bin"), "outside");
  await writeFile(join(path, ".lock"), "outside");
  return path;
}

async function contents(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true })).sort();
}

async function refused(operation: string, backend: FsBackend): Promise<void> {
  const run = operations[operation]!(backend);
  if (operation !== "remove") {
    await rejection(run, "STORAGE_UNSAFE_PATH");
    return;
  }
  const error = await rejection(run, "STORAGE_REMOVE_FAILED");
  expect(error.failedKeys).toEqual([KEY]);
  expect(error.cause).toMatchObject({ code: "STORAGE_UNSAFE_PATH" });
}

describe.each(Object.keys(operations))("%s", (operation) => {
  test.each(["a", "a/b"])("refuses a symbolic link at the directory %s", async (at) => {
    const root = await tempRoot();
    const target = await outside();
    if (at === "a/b") await mkdir(join(root, "a"));
    await symlink(at === "a/b" ? join(target, "b") : target, join(root, at));
    const before = await contents(target);
    await refused(operation, await fsBackend({ root }));
    expect(await contents(target)).toEqual(before);
  });

  test("refuses a symbolic link at the object, also one that leads nowhere", async () => {
    for (const [index, target] of [join(await outside(), "x.bin"), "nowhere.bin", "y.bin"].entries()) {
      const root = await tempRoot();
      await mkdir(join(root, "a/b"), { recursive: true });
      await writeFile(join(root, "a/b/y.bin"), "inside");
      await symlink(target, join(root, operation === "lock" ? "a/b/.lock" : KEY));
      await refused(operation, await fsBackend({ root }));
      expect(await contents(join(root, "a/b")), String(index)).toEqual([operation === "lock" ? ".lock" : "x.bin", "y.bin"].sort());
    }
  });

  test.skipIf(process.platform === "win32")("refuses a FIFO without waiting for somebody at its other end", async () => {
    const root = await tempRoot();
    await mkdir(join(root, "a/b"), { recursive: true });
    await promisify(execFile)("mkfifo", [join(root, operation === "lock" ? "a/b/.lock" : KEY)]);
    await refused(operation, await fsBackend({ root }));
  });
});

describe.each(Object.keys(operations).filter((it) => !it.startsWith("list") && it !== "lock"))("%s", (operation) => {
  test("refuses a directory at the object, and a file at the directory", async () => {
    const root = await tempRoot();
    await mkdir(join(root, KEY), { recursive: true });
    await refused(operation, await fsBackend({ root }));
    await rm(join(root, "a/b"), { recursive: true });
    await writeFile(join(root, "a/b"), "a file");
    await refused(operation, await fsBackend({ root }));
  });
});

test("the root itself may be reached through symbolic links", async () => {
  const top = await tempRoot();
  await mkdir(join(top, "real"));
  await symlink("real", join(top, "link"));
  const backend = await fsBackend({ root: join(top, "link/root") });
  await backend.create(KEY, BYTES);
  expect(await contents(join(await realpath(top), "real"))).toContain("root/a/b/x.bin");
});

test("a root that is no directory is refused", async () => {
  const top = await tempRoot();
  await writeFile(join(top, "file"), "");
  await rejection(fsBackend({ root: join(top, "file") }), "STORAGE_UNSAFE_PATH");
  await rejection(fsBackend({ root: join(top, "file/below") }), "STORAGE_UNSAFE_PATH");
});

test("what could not be a key never becomes a path", async () => {
  const root = join(await tempRoot(), "root");
  const backend = await fsBackend({ root });
  for (const bad of ["../x.bin", "a/../../x.bin", "/etc/x.bin", "a//x.bin", "a/.lock", ".tmp-1-0-0", "", "A.bin"]) {
    // As it would come from plain JavaScript.
    const key = bad as typeof KEY;
    await rejection(backend.read(key), "STORAGE_INVALID_KEY");
    await rejection(backend.stream(key), "STORAGE_INVALID_KEY");
    await rejection(backend.stat(key), "STORAGE_INVALID_KEY");
    await rejection(backend.create(key, BYTES), "STORAGE_INVALID_KEY");
    await rejection(backend.replace(key, BYTES), "STORAGE_INVALID_KEY");
    await rejection(backend.remove([KEY, key]), "STORAGE_INVALID_KEY");
    await rejection(backend.appendable.open(key, { mode: "create" }), "STORAGE_INVALID_KEY");
  }
  await rejection(backend.appendable.lock("../" as ReturnType<typeof storagePrefix>), "STORAGE_INVALID_KEY");
  expect(await contents(root)).toEqual([]);
});
