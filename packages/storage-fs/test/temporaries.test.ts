import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storageKey, storagePrefix } from "@holdfast/storage";
import { expect, test } from "vitest";
import { fsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, gate } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("a/x.bin");
const BYTES = new Uint8Array([1, 2, 3]);
const LEFTOVER = `.tmp-4194304-0-${"0123456789abcdef".repeat(2)}`;

test("what a writer that died left is collected by the first write in its directory, and in the root by opening", async () => {
  const root = await tempRoot();
  await mkdir(join(root, "a"));
  await writeFile(join(root, LEFTOVER), "");
  await writeFile(join(root, "a", LEFTOVER), "half an object");
  const backend = await fsBackend({ root });
  expect(await readdir(root)).toEqual(["a"]);
  expect(await backend.read(KEY)).toBeUndefined();
  for await (const entry of backend.list(storagePrefix(""))) expect(entry).toBeUndefined();
  expect(await readdir(join(root, "a"))).toEqual([LEFTOVER]);
  await backend.create(KEY, BYTES);
  expect(await readdir(join(root, "a"))).toEqual(["x.bin"]);
});

test("what is being written is left alone, whoever collects", async () => {
  const root = await tempRoot();
  const writer = await fsBackend({ root });
  const door = gate();
  const asked = gate();
  async function* body(): AsyncGenerator<Uint8Array> {
    yield BYTES;
    asked.open();
    await door.opened;
    yield BYTES;
  }
  const create = writer.create(KEY, { open: body });
  await asked.opened;
  for (let turn = 0; turn < 3; turn += 1) {
    const other = await fsBackend({ root });
    await other.replace(storageKey("a/hint.json"), BYTES);
    expect((await readdir(join(root, "a"))).filter((it) => it.startsWith(".tmp-"))).toHaveLength(1);
    await other.close();
  }
  door.open();
  await create;
  expect(await writer.read(KEY)).toEqual(new Uint8Array([1, 2, 3, 1, 2, 3]));
  expect((await readdir(join(root, "a"))).sort()).toEqual(["hint.json", "x.bin"]);
});

test("only plain files with exactly such a name are collected", async () => {
  const root = await tempRoot();
  await mkdir(join(root, "a"));
  const others = [".tmp-1-0-abc", `${LEFTOVER}.bak`, `x${LEFTOVER}`, ".tmp", ".lock", "object.bin"];
  for (const name of others) await writeFile(join(root, "a", name), "");
  const linked = LEFTOVER.replace("4194304", "7");
  await symlink("object.bin", join(root, "a", linked));
  const directory = LEFTOVER.replace("4194304", "8");
  await mkdir(join(root, "a", directory));
  const backend = await fsBackend({ root });
  await backend.create(KEY, BYTES);
  expect((await readdir(join(root, "a"))).sort()).toEqual([...others, linked, directory, "x.bin"].sort());
});

test.each(["readdir a", "open write a/TMP", "tryLock a/TMP", "unlink a/TMP"])("an error while collecting (%s) harms nothing", async (call) => {
  const root = await tempRoot();
  await mkdir(join(root, "a"));
  await writeFile(join(root, "a", LEFTOVER), "");
  const port = faultPort(root);
  port.inject(new RegExp(`^${call}$`), { code: "EIO" });
  const backend = await fsBackend({ root, port });
  await backend.create(KEY, BYTES);
  expect((await readdir(join(root, "a"))).sort()).toEqual([LEFTOVER, "x.bin"]);
  expect(port.openFiles).toBe(0);
});

test("nothing is collected, and nothing locked, where locks cannot be relied on", async () => {
  const root = await tempRoot();
  await mkdir(join(root, "a"));
  await writeFile(join(root, "a", LEFTOVER), "");
  const port = faultPort(root, { fileSystem: () => Promise.resolve({ type: "nfs", localLocks: false, copyOnWrite: false }) });
  const backend = await fsBackend({ root, port });
  await backend.create(KEY, BYTES);
  expect((await readdir(join(root, "a"))).sort()).toEqual([LEFTOVER, "x.bin"]);
  expect(port.calls.some((it) => it.startsWith("tryLock"))).toBe(false);
});

test("a temporary that is collected between its creation and its lock is made again under another name", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  port.forget();
  port.inject(/^tryLock a\/TMP$/, {
    first: async () => {
      for (const name of await readdir(join(root, "a"))) await rm(join(root, "a", name));
    },
  });
  await backend.create(KEY, BYTES);
  expect(await backend.read(KEY)).toEqual(BYTES);
  expect(port.calls.filter((it) => it === "open create a/TMP")).toHaveLength(2);
  expect(await readdir(join(root, "a"))).toEqual(["x.bin"]);
  expect(port.openFiles).toBe(0);
});

test("a temporary that is taken away again and again is an error, not an endless loop", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  const take = async (): Promise<void> => {
    for (const name of await readdir(join(root, "a"))) await rm(join(root, "a", name));
  };
  port.inject(/^tryLock a\/TMP$/, { first: take }, { times: Infinity });
  const error = await rejection(backend.create(KEY, BYTES), "STORAGE_WRITE_FAILED");
  expect([error.outcome, error.retryable]).toEqual(["not_applied", true]);
  expect(port.openFiles).toBe(0);
});

test("the names of temporaries come from the random source, and none is given twice", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  let drawn = 0;
  const backend = await fsBackend({ root, port, random: { bytes: (length) => new Uint8Array(length).fill((drawn += 1)) } });
  await Promise.all(Array.from({ length: 30 }, () => backend.replace(KEY, BYTES)));
  expect(drawn).toBe(32);
  expect(await readdir(join(root, "a"))).toEqual(["x.bin"]);
});
