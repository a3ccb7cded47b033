/**
 * A child that does with a backend everything that there is to do, once, and comes to an end whatever fails: two openings, one after the other.
 */
import { storageKey, storagePrefix, type AppendFile } from "@holdfast/storage";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";

import { OBJECTS_PREFIX, ownOptions } from "./child-options.js";
import { recordBytes } from "./record-bytes.js";
import { createReporter, waitForGo, type AttemptEnd } from "./reporter.js";

const { root, firstToken, unfinished } = ownOptions();
const reporter = createReporter(firstToken);
waitForGo(reporter);
if (unfinished === true) await beginOnly();
else await everything();
reporter.say({ is: "done" });
process.kill(process.pid, "SIGKILL"); // Node's own way out makes calls that may be made to fail as well

async function beginOnly(): Promise<void> {
  const storage = await fsBackend({ root });
  await put(storage, "create", "a", 200);
  await put(storage, "create", "deep/down/b", 5000);
}

async function everything(): Promise<void> {
  await session(async (storage) => {
    await put(storage, "create", "c", 10);
    await put(storage, "create", "a", 20);
    await put(storage, "replace", "a", 7000);
    await put(storage, "create", "deep/other/d", 100);
    await put(storage, "replace", "e", 0);
    await remove(storage, "deep/down/b");
    await readAll(storage);
    await grow(storage);
    await reporter.run("lock", async () => {
      const lock = await storage.appendable.lock(storagePrefix(`${OBJECTS_PREFIX}/deep`));
      await lock.release();
    });
  });
  await session(async (storage) => {
    await remove(storage, "a");
    await put(storage, "create", "a", 300);
    await put(storage, "replace", "deep/other/d", 9000);
    await remove(storage, "never/there");
    await readAll(storage);
  });
}

async function session(work: (storage: FsBackend) => Promise<void>): Promise<void> {
  const storage = await reporter.run("open", () => fsBackend({ root }));
  if (storage === undefined) return;
  await work(storage);
  await reporter.run("close", () => storage.close());
}

function put(storage: FsBackend, what: "create" | "replace", name: string, size: number): Promise<AttemptEnd> {
  const key = storageKey(`${OBJECTS_PREFIX}/${name}.bin`);
  return reporter.attempt({ what, key, size }, async (token) => {
    await storage[what](key, recordBytes(token, 0, size));
  });
}

function remove(storage: FsBackend, name: string): Promise<AttemptEnd> {
  const key = storageKey(`${OBJECTS_PREFIX}/${name}.bin`);
  return reporter.attempt({ what: "remove", key }, () => storage.remove([key]));
}

async function readAll(storage: FsBackend): Promise<void> {
  await reporter.run("read", async () => {
    for await (const { key } of storage.list(storagePrefix(OBJECTS_PREFIX))) {
      await storage.stat(key);
      await storage.read(key);
      for await (const piece of (await storage.stream(key)) ?? []) if (piece.byteLength === 0) throw new Error(`a piece of ${key} is empty`);
    }
  });
}

/** A file that grows, is cut, is closed, and goes on; a second one with zeros prepared ahead. */
async function grow(storage: FsBackend): Promise<void> {
  const first = await openFile(storage, "growing-1", { mode: "create" });
  if (first === undefined || !(await work(first, [100, 3000, 7, "cut", 500]))) return;
  const again = await openFile(storage, "growing-1", { mode: "continue" });
  if (again !== undefined) await work(again, [1, 2000]);
  const second = await openFile(storage, "growing-2", { mode: "create", reserveBytes: 64 * 1024 });
  if (second !== undefined) await work(second, [50, 60, 70]);
}

async function openFile(storage: FsBackend, name: string, options: { readonly mode: "create"; readonly reserveBytes?: number } | { readonly mode: "continue" }): Promise<AppendFile | undefined> {
  const key = storageKey(`${OBJECTS_PREFIX}/${name}.log`);
  let file: AppendFile | undefined;
  await reporter.attempt({ what: "extend", key, at: 0, size: 0 }, async () => {
    file = await storage.appendable.open(key, options);
  });
  return file;
}

/** Answers whether everything was acknowledged. After a failure one more append is tried, which must be refused. */
async function work(file: AppendFile, steps: readonly (number | "cut")[]): Promise<boolean> {
  let isWell = true;
  for (const step of steps) {
    const end = await (step === "cut" ? cut(file) : extend(file, step));
    if (end === "acknowledged") continue;
    isWell = false;
    await extend(file, 11);
    break;
  }
  await reporter.run("close file", () => file.close());
  return isWell;
}

function extend(file: AppendFile, size: number): Promise<AttemptEnd> {
  return reporter.attempt({ what: "extend", key: file.key, at: file.size, size }, (token) => file.append(recordBytes(token, 0, size)));
}

function cut(file: AppendFile): Promise<AttemptEnd> {
  const size = file.size - 50;
  return reporter.attempt({ what: "cut", key: file.key, size }, () => file.truncate(size));
}
