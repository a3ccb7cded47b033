import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storagePrefix } from "@holdfast/storage";
import { expect, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, type FaultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

// Exclusion between processes, worker threads and handles is a chapter of the conformance suite.

const PREFIX = storagePrefix("a/log/");
const LOCK = "a/log/.lock";

async function open(): Promise<{ root: string; port: FaultPort; backend: FsBackend }> {
  const root = await tempRoot();
  const port = faultPort(root);
  return { root, port, backend: await fsBackend({ root, port, clock: { now: () => 0, monotonic: () => 0, setTimer: () => () => undefined } }) };
}

test("the error names the lock file and what it says about its holder", async () => {
  const { root, backend } = await open();
  const lock = await backend.appendable.lock(PREFIX);
  expect(lock.name).toBe(join(root, LOCK));
  const error = await rejection(backend.appendable.lock(PREFIX), "STORAGE_LOCKED");
  expect([error.key, error.operation, error.outcome, error.retryable]).toEqual([LOCK, "lock", "not_applied", true]);
  expect(error.message).toContain(join(root, LOCK));
  expect(error.message).toContain(`process ${process.pid}`);
  expect(error.message).toContain("1970-01-01T00:00:00.000Z");
});

test.each([
  ["nothing", ""],
  ["no JSON", "pid 7"],
  ["JSON of another shape", "[1]"],
  ["null", "null"],
  ["types that are wrong", '{"pid":"7","thread":0}'],
  ["a hostile host", '{"pid":7,"thread":0,"host":"\\u001b[31mroot","since":"\\nsecret"}'],
  ["a megabyte", `{"pid":7,"thread":0,"host":"${"x".repeat(1_000_000)}"}`],
])("a lock file that says %s is no reason to fail, and is not repeated", async (_, content) => {
  const { root, port, backend } = await open();
  await backend.appendable.lock(PREFIX);
  await writeFile(join(root, LOCK), content);
  const error = await rejection(backend.appendable.lock(PREFIX), "STORAGE_LOCKED");
  expect(error.message).not.toMatch(/\u001b|secret|x{300}/);
  expect(error.message.length).toBeLessThan(500);
  expect(port.openFiles).toBe(1);
});

test("the file stays: it is never removed, renamed or cut, and is rewritten in place", async () => {
  const { root, port, backend } = await open();
  port.forget();
  for (let turn = 0; turn < 2; turn += 1) await (await backend.appendable.lock(PREFIX)).release();
  expect(port.calls.filter((it) => /^(?:unlink|rename|truncate|link) /.test(it))).toEqual([]);
  const content = await readFile(join(root, LOCK), "utf8");
  expect(content).toHaveLength(512);
  expect(JSON.parse(content)).toMatchObject({ pid: process.pid, thread: 0 });
});

test("a holder that cannot be written down holds the lock all the same", async () => {
  const { port, backend } = await open();
  port.inject(/^write .*\.lock/, { code: "ENOSPC" });
  await backend.appendable.lock(PREFIX);
  const error = await rejection(backend.appendable.lock(PREFIX), "STORAGE_LOCKED");
  expect(error.message).toContain("does not say who");
});

test("a lock file that is replaced before it is locked is opened again: its name must stand for what is locked", async () => {
  for (const replace of [
    (path: string) => rm(path),
    async (path: string) => {
      await rm(path);
      await writeFile(path, "");
    },
  ]) {
    const { root, port, backend } = await open();
    port.inject(/^tryLock .*\.lock/, { first: () => replace(join(root, LOCK)) });
    await backend.appendable.lock(PREFIX);
    expect(port.calls.filter((it) => it.startsWith(`open lock ${LOCK}`))).toHaveLength(2);
    expect(port.openFiles).toBe(1);
    await rejection((await fsBackend({ root })).appendable.lock(PREFIX), "STORAGE_LOCKED");
  }
});

test.each([
  ["open lock", "ENOSPC", "STORAGE_FULL"],
  ["open lock", "EACCES", "STORAGE_ACCESS_DENIED"],
  ["open lock", "EROFS", "STORAGE_ACCESS_DENIED"],
  ["tryLock", "ENOLCK", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
  ["tryLock", "EIO", "STORAGE_WRITE_FAILED"],
  ["lstat", "EIO", "STORAGE_WRITE_FAILED"],
] as const)("%s failing with %s is %s and leaves nothing open or held", async (call, code, expected) => {
  const { port, backend } = await open();
  port.inject(new RegExp(`^${call} .*\\.lock`), { code });
  const error = await rejection(backend.appendable.lock(PREFIX), expected);
  expect(error.outcome).toBe("not_applied");
  expect(port.openFiles).toBe(0);
  await backend.appendable.lock(PREFIX);
});

test("is refused on a file system whose locks the local kernel does not keep", async () => {
  const root = await tempRoot();
  const port = faultPort(root, { fileSystem: () => Promise.resolve({ type: "nfs", localLocks: false, copyOnWrite: false }) });
  await rejection((await fsBackend({ root, port })).appendable.lock(PREFIX), "STORAGE_UNSUPPORTED_FILE_SYSTEM");
  await (await fsBackend({ root, port, allowNetworkFileSystem: true })).appendable.lock(PREFIX);
});

test("an aborted call takes no lock", async () => {
  const { port, backend } = await open();
  const controller = new AbortController();
  const abort = async (): Promise<void> => {
    controller.abort("stop");
  };
  port.inject(/^open lock/, { first: abort });
  const calls: Promise<unknown>[] = [backend.appendable.lock(PREFIX, { signal: controller.signal })];
  calls.push(backend.appendable.lock(PREFIX, { signal: AbortSignal.abort("stop") }));
  for (const result of await Promise.allSettled(calls)) expect(result).toMatchObject({ status: "rejected", reason: "stop" });
  expect(port.openFiles).toBe(0);
});
