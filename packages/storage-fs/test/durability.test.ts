import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storageKey, storagePrefix } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, gate, type FaultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("a/b/x.bin");
const OTHER = storageKey("a/b/y.bin");
const BYTES = new Uint8Array([1, 2, 3]);

/** What decides about durability, in order. */
const DURABLE = /^(?:write|sync|datasync|link|rename|unlink|mkdir|truncate|syncDirectory) /;

async function open(): Promise<{ root: string; port: FaultPort; backend: FsBackend }> {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  port.forget();
  return { root, port, backend };
}

/** Another handle over the same directory that knows nothing yet. */
async function another(root: string): Promise<{ port: FaultPort; backend: FsBackend }> {
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  port.forget();
  return { port, backend };
}

const durable = (port: FaultPort): readonly string[] => port.calls.filter((it) => DURABLE.test(it));
const CHAIN = ["syncDirectory ..", "syncDirectory .", "syncDirectory a", "syncDirectory a/b"];

describe("create", () => {
  test("makes directories durable, syncs the body, links it, removes the temporary, syncs the directory", async () => {
    const { port, backend } = await open();
    await backend.create(KEY, BYTES);
    expect(durable(port)).toEqual([
      "mkdir a",
      "mkdir a/b",
      ...CHAIN,
      "write a/b/TMP 3@0",
      "sync a/b/TMP",
      "link a/b/TMP a/b/x.bin",
      "unlink a/b/TMP",
      "syncDirectory a/b",
    ]);
    port.forget();
    await backend.create(OTHER, BYTES);
    expect(durable(port)).toEqual([
      "write a/b/TMP 3@0",
      "sync a/b/TMP",
      "link a/b/TMP a/b/y.bin",
      "unlink a/b/TMP",
      "syncDirectory a/b",
    ]);
    expect(port.openFiles).toBe(0);
  });

  test("the temporary is locked before anything is written to it", async () => {
    const { port, backend } = await open();
    await backend.create(KEY, BYTES);
    const calls = port.calls.filter((it) => it.includes("a/b/TMP"));
    expect(calls.slice(0, 4)).toEqual(["open create a/b/TMP", "tryLock a/b/TMP", "fstat a/b/TMP", "write a/b/TMP 3@0"]);
  });

  test("a large body is written in parts that are flushed on the way", async () => {
    const { port, backend } = await open();
    const body = new Uint8Array(20 * 1024 * 1024);
    await backend.create(KEY, { open: () => chunks(body, 300_000) });
    const sizes = port.calls.filter((it) => it.startsWith("write")).map((it) => Number(/ (\d+)@/.exec(it)?.[1]));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
    expect(sizes.reduce((a, b) => a + b)).toBe(body.length);
    expect(port.calls.filter((it) => it.startsWith("datasync"))).toHaveLength(2);
    expect((await backend.stat(KEY))?.size).toBe(body.length);
  });

  test("small pieces are gathered into few writes", async () => {
    const { port, backend } = await open();
    const body = new Uint8Array(100_000).map((_, index) => index);
    await backend.create(KEY, { open: () => chunks(body, 10) });
    expect(port.calls.filter((it) => it.startsWith("write"))).toEqual(["write a/b/TMP 100000@0"]);
    expect(await backend.read(KEY)).toEqual(body);
  });

  test.each(["open create", "tryLock", "write", "sync", "link"])("no room at %s: STORAGE_FULL, nothing is left", async (call) => {
    for (const code of ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"]) {
      const { root, port, backend } = await open();
      port.inject(new RegExp(`^${call} a/b/TMP`), { code });
      const error = await rejection(backend.create(KEY, BYTES), "STORAGE_FULL");
      expect([error.outcome, error.retryable, error.operation, error.key]).toEqual(["not_applied", true, "create", KEY]);
      expect(await readdir(join(root, "a/b"))).toEqual([]);
      await backend.create(KEY, BYTES);
      expect(port.openFiles).toBe(0);
    }
  });

  test.each([
    ["mkdir a$", "ENOSPC", "STORAGE_FULL"],
    ["mkdir a$", "EACCES", "STORAGE_ACCESS_DENIED"],
    ["open create a/b/TMP", "EROFS", "STORAGE_ACCESS_DENIED"],
    ["open create a/b/TMP", "EPERM", "STORAGE_ACCESS_DENIED"],
    ["write a/b/TMP", "EIO", "STORAGE_WRITE_FAILED"],
    ["sync a/b/TMP", "EIO", "STORAGE_WRITE_FAILED"],
    ["link", "ENOTSUP", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
    ["link", "EACCES", "STORAGE_ACCESS_DENIED"],
    ["open create a/b/TMP", "ENAMETOOLONG", "STORAGE_INVALID_KEY"],
    ["write a/b/TMP", "EFBIG", "STORAGE_TOO_LARGE"],
    ["syncDirectory a$", "EINVAL", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
  ] as const)("%s failing with %s is %s, not_applied", async (call, code, expected) => {
    const { port, backend } = await open();
    port.inject(new RegExp(`^${call}`), { code });
    const error = await rejection(backend.create(KEY, BYTES), expected);
    expect(error.outcome).toBe("not_applied");
    expect(error.cause).toMatchObject({ code });
    expect(port.openFiles).toBe(0);
    expect(await backend.stat(KEY)).toBeUndefined();
    await backend.create(KEY, BYTES);
  });

  test("the rest of a short write follows", async () => {
    const { port, backend } = await open();
    port.inject(/^write a\/b\/TMP/, { written: 1 });
    await backend.create(KEY, BYTES);
    expect(port.calls.filter((it) => it.startsWith("write"))).toEqual(["write a/b/TMP 3@0", "write a/b/TMP 2@1"]);
    expect(await backend.read(KEY)).toEqual(BYTES);
  });

  test("a link that fails otherwise may have happened: unknown, and a reader makes the directory durable first", async () => {
    const { port, backend } = await open();
    port.inject(/^link/, { code: "EIO", done: true });
    const error = await rejection(backend.create(KEY, BYTES), "STORAGE_WRITE_FAILED");
    expect(error.outcome).toBe("unknown");
    port.forget();
    expect(await backend.read(KEY)).toEqual(BYTES);
    expect(port.calls).toContain("syncDirectory a/b");
  });

  test("a directory that somebody removed is made again, and is durable again", async () => {
    const { root, port, backend } = await open();
    await backend.create(KEY, BYTES);
    await rm(join(root, "a"), { recursive: true });
    port.forget();
    await backend.create(KEY, BYTES);
    expect(await backend.read(KEY)).toEqual(BYTES);
    expect(durable(port).slice(0, 6)).toEqual(["mkdir a", "mkdir a/b", ...CHAIN]);
  });
});

describe("ALREADY_EXISTS", () => {
  test("is answered only when the object's name is durable, whoever made it and however often it is asked for", async () => {
    const { root } = await open();
    await mkdir(join(root, "a/b"), { recursive: true });
    await writeFile(join(root, KEY), BYTES);
    const { port, backend } = await another(root);
    await rejection(backend.create(KEY, BYTES), "STORAGE_ALREADY_EXISTS");
    expect(durable(port)).toEqual([...CHAIN, "syncDirectory a/b"]);
    port.forget();
    await rejection(backend.create(KEY, BYTES), "STORAGE_ALREADY_EXISTS");
    expect(durable(port)).toEqual(["syncDirectory a/b"]);
    port.forget();
    await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_ALREADY_EXISTS");
    expect(durable(port)).toEqual(["syncDirectory a/b"]);
  });

  test("is answered so by the loser of a race too", async () => {
    const { root, port, backend } = await open();
    const { backend: winner } = await another(root);
    port.inject(/^link/, { first: () => winner.create(KEY, new Uint8Array(9)) });
    await rejection(backend.create(KEY, BYTES), "STORAGE_ALREADY_EXISTS");
    expect(durable(port).slice(-3)).toEqual(["link a/b/TMP a/b/x.bin", "syncDirectory a/b", "unlink a/b/TMP"]);
    expect(await backend.read(KEY)).toEqual(new Uint8Array(9));
    expect(await readdir(join(root, "a/b"))).toEqual(["x.bin"]);
  });

  test("is not answered while the sync is in flight, nor when it fails", async () => {
    const { port, backend } = await open();
    await backend.create(KEY, BYTES);
    port.forget();
    const door = gate();
    port.inject(/^syncDirectory a\/b/, { until: door.opened });
    let settled = false;
    const create = backend.create(KEY, BYTES).finally(() => {
      settled = true;
    });
    create.catch(() => undefined);
    await port.begun(/^syncDirectory a\/b/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    door.open();
    await rejection(create, "STORAGE_ALREADY_EXISTS");
    port.inject(/^syncDirectory a\/b/, { code: "EIO" });
    await rejection(backend.create(KEY, BYTES), "STORAGE_WRITE_FAILED");
  });
});

describe("replace", () => {
  test("syncs the body, renames it, syncs the directory", async () => {
    const { port, backend } = await open();
    await backend.replace(KEY, BYTES);
    port.forget();
    await backend.replace(KEY, new Uint8Array(5));
    expect(durable(port)).toEqual(["write a/b/TMP 5@0", "sync a/b/TMP", "rename a/b/TMP a/b/x.bin", "syncDirectory a/b"]);
    expect(await backend.read(KEY)).toEqual(new Uint8Array(5));
  });

  test("leaves the old object where the new one cannot be made durable", async () => {
    const { root, port, backend } = await open();
    await backend.replace(KEY, BYTES);
    for (const call of ["open create", "write", "sync", "rename"]) {
      port.inject(new RegExp(`^${call} a/b/TMP`), { code: "ENOSPC" });
      const error = await rejection(backend.replace(KEY, new Uint8Array(5)), "STORAGE_FULL");
      expect(error.outcome).toBe("not_applied");
      expect(await backend.read(KEY)).toEqual(BYTES);
      expect(await readdir(join(root, "a/b"))).toEqual(["x.bin"]);
    }
    port.inject(/^rename/, { code: "EIO" });
    expect((await rejection(backend.replace(KEY, BYTES), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
  });
});

describe("remove", () => {
  test("syncs each directory once, also for what was absent", async () => {
    const { port, backend } = await open();
    await backend.create(KEY, BYTES);
    await backend.create(OTHER, BYTES);
    const far = storageKey("c/z.bin");
    await backend.create(far, BYTES);
    port.forget();
    await backend.remove([KEY, far, OTHER]);
    expect(durable(port)).toEqual([
      "unlink a/b/x.bin",
      "unlink a/b/y.bin",
      "syncDirectory a/b",
      "unlink c/z.bin",
      "syncDirectory c",
    ]);
    port.forget();
    await backend.remove([KEY, storageKey("nowhere/z.bin")]);
    expect(durable(port)).toEqual(["syncDirectory a/b"]);
  });

  test("collects the keys that failed and removes the others", async () => {
    const { port, backend } = await open();
    const keys = ["a/1.x", "a/2.x", "a/3.x", "b/1.x", "b/2.x", "c/1.x"].map((it) => storageKey(it));
    for (const key of keys) await backend.create(key, BYTES);
    port.inject(/^unlink a\/2/, { code: "EIO" });
    port.inject(/^syncDirectory b$/, { code: "EMFILE" });
    const error = await rejection(backend.remove(keys), "STORAGE_REMOVE_FAILED");
    expect([...error.failedKeys].sort()).toEqual(["a/2.x", "b/1.x", "b/2.x"]);
    expect(error.outcome).toBe("unknown");
    const left = [];
    for await (const { key } of backend.list(storagePrefix(""))) left.push(key);
    expect(left).toEqual(["a/2.x"]);
    await backend.remove(keys);
  });
});

test("a remove that is aborted makes durable what it has removed by then", async () => {
  const { port, backend } = await open();
  await backend.create(KEY, BYTES);
  await backend.create(OTHER, BYTES);
  port.forget();
  const controller = new AbortController();
  const abort = async (): Promise<void> => {
    controller.abort("stop");
  };
  port.inject(/^unlink a\/b\/x/, { first: abort });
  await expect(backend.remove([KEY, OTHER], { signal: controller.signal })).rejects.toBe("stop");
  expect(durable(port)).toEqual(["unlink a/b/x.bin", "syncDirectory a/b"]);
});

describe("reading", () => {
  const reads: Readonly<Record<string, (backend: FsBackend) => Promise<unknown>>> = {
    read: (backend) => backend.read(KEY),
    stream: (backend) => backend.stream(KEY),
    stat: (backend) => backend.stat(KEY),
    list: async (backend) => {
      for await (const entry of backend.list(storagePrefix("a/b/"))) return entry;
      return undefined;
    },
    remove: (backend) => backend.remove([storageKey("a/b/z.bin")]),
    continue: (backend) => backend.appendable.open(KEY, { mode: "continue" }),
  };

  test.each(Object.keys(reads))("the first %s in a directory syncs it and every one above with its parent", async (name) => {
    const { root, backend: writer } = await open();
    await writer.create(KEY, BYTES);
    const { port, backend } = await another(root);
    await reads[name]!(backend);
    expect(durable(port).slice(0, 4)).toEqual(CHAIN);
    port.forget();
    await reads["read"]!(backend);
    expect(durable(port)).toEqual([]);
    await backend.close();
  });

  test("a directory that was made later is synced together with its parent", async () => {
    const { root, backend: writer } = await open();
    await writer.create(storageKey("a/x.bin"), BYTES);
    const { port, backend } = await another(root);
    await backend.read(storageKey("a/x.bin"));
    await writer.create(KEY, BYTES);
    port.forget();
    expect(await backend.read(KEY)).toEqual(BYTES);
    expect(durable(port)).toEqual(["syncDirectory a", "syncDirectory a/b"]);
  });

  test("callers at the same time share one sync, and nobody is answered before it", async () => {
    const { root, backend: writer } = await open();
    await writer.create(KEY, BYTES);
    const { port, backend } = await another(root);
    const door = gate();
    port.inject(/^syncDirectory \.\.$/, { until: door.opened });
    let answers = 0;
    const all = Array.from({ length: 20 }, () => backend.read(KEY).then(() => (answers += 1)));
    await port.begun(/^syncDirectory \.\.$/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toBe(0);
    door.open();
    await Promise.all(all);
    for (const call of CHAIN) expect(port.calls.filter((it) => it === call).length, call).toBeLessThanOrEqual(2);
  });

  test.each(["EROFS", "EACCES", "EPERM"])("works where syncing is refused with %s, and asks only once", async (code) => {
    const { root, backend: writer } = await open();
    await writer.create(KEY, BYTES);
    const { port, backend } = await another(root);
    port.inject(/^syncDirectory/, { code }, { times: Infinity });
    expect(await backend.read(KEY)).toEqual(BYTES);
    expect((await backend.stat(KEY))?.size).toBe(3);
    expect(durable(port)).toEqual(["syncDirectory .."]);
    await rejection(backend.create(OTHER, BYTES), "STORAGE_ACCESS_DENIED");
    await rejection(backend.create(KEY, BYTES), "STORAGE_ACCESS_DENIED");
  });

  test("is refused where this handle has changed the directory and could not sync it", async () => {
    const { port, backend } = await open();
    await backend.create(OTHER, BYTES);
    port.inject(/^syncDirectory a\/b$/, { code: "EROFS" }, { times: 2 });
    expect((await rejection(backend.create(KEY, BYTES), "STORAGE_ACCESS_DENIED")).outcome).toBe("unknown");
    await rejection(backend.read(KEY), "STORAGE_ACCESS_DENIED");
    expect(await backend.read(KEY)).toEqual(BYTES);
  });

  test("a directory whose sync failed is not believed again by this handle, whatever a second sync says", async () => {
    const { root, port, backend } = await open();
    await backend.create(OTHER, BYTES);
    port.inject(/^syncDirectory a\/b$/, { code: "EIO" });
    expect((await rejection(backend.create(KEY, BYTES), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
    await rejection(backend.read(KEY), "STORAGE_POISONED");
    await rejection(backend.stat(OTHER), "STORAGE_POISONED");
    expect((await rejection(backend.create(KEY, BYTES), "STORAGE_POISONED")).outcome).toBe("not_applied");
    const { backend: fresh } = await another(root);
    expect(await fresh.read(KEY)).toEqual(BYTES);
  });

  test("an error below is STORAGE_READ_FAILED and says nothing about the data", async () => {
    const { port, backend } = await open();
    await backend.create(KEY, BYTES);
    for (const [call, run] of [
      ["read a/b/x.bin", () => backend.read(KEY)],
      ["open read a/b/x.bin", () => backend.stream(KEY)],
      ["lstat a/b/x.bin", () => backend.stat(KEY)],
    ] as const) {
      port.inject(new RegExp(`^${call}`), { code: "EIO" });
      const error = await rejection(run(), "STORAGE_READ_FAILED");
      expect([error.outcome, error.key]).toEqual([undefined, KEY]);
    }
    expect(await backend.read(KEY)).toEqual(BYTES);
    expect(port.openFiles).toBe(0);
  });
});

describe("opening", () => {
  test("makes the root durable with everything above it that it makes", async () => {
    const top = await tempRoot();
    const port = faultPort(top);
    await fsBackend({ root: join(top, "r/s"), port });
    expect(durable(port).slice(0, 5)).toEqual(["syncDirectory ..", "mkdir r", "syncDirectory .", "mkdir r/s", "syncDirectory r"]);
  });

  test("makes what it finds above the root durable first: an opening that was killed may have made it", async () => {
    const top = await tempRoot();
    await mkdir(join(top, "r/s"), { recursive: true });
    const port = faultPort(top);
    await fsBackend({ root: join(top, "r/s/t/u"), port });
    expect(durable(port).slice(0, 5)).toEqual(["syncDirectory r", "mkdir r/s/t", "syncDirectory r/s", "mkdir r/s/t/u", "syncDirectory r/s/t"]);
  });

  test.each(["syncDirectory r", "syncDirectory r/s"])("is refused where %s fails, and tries again when it is opened anew", async (call) => {
    const top = await tempRoot();
    await mkdir(join(top, "r/s"), { recursive: true });
    const port = faultPort(top);
    port.inject(new RegExp(`^${call}$`), { code: "EIO" });
    await rejection(fsBackend({ root: join(top, "r/s/t"), port }), "STORAGE_WRITE_FAILED");
    const backend = await fsBackend({ root: join(top, "r/s/t"), port });
    await backend.create(KEY, BYTES);
    expect(durable(port).filter((it) => it === call)).toHaveLength(2);
  });

  test.each(["EACCES", "EPERM", "EROFS"])("a parent that may be neither read nor written to (%s) is its owner's to sync", async (code) => {
    for (const missing of ["", "/t"]) {
      const top = await tempRoot();
      await mkdir(join(top, "r/s"), { recursive: true });
      const port = faultPort(top);
      port.inject(/^syncDirectory r$/, { code }, { times: Infinity });
      port.inject(/^open create r\/TMP$/, { code }, { times: Infinity });
      const backend = await fsBackend({ root: join(top, `r/s${missing}`), port });
      await backend.create(KEY, BYTES);
      expect(await backend.read(KEY)).toEqual(BYTES);
    }
  });

  test("a parent that may be written to and not be read is refused: an opening may have made the root there", async () => {
    for (const missing of ["", "/t"]) {
      const top = await tempRoot();
      await mkdir(join(top, "r/s"), { recursive: true });
      const port = faultPort(top);
      port.inject(/^syncDirectory r$/, { code: "EACCES" }, { times: Infinity });
      const create = async (): Promise<unknown> => (await fsBackend({ root: join(top, `r/s${missing}`), port })).create(KEY, BYTES);
      await rejection(create(), "STORAGE_ACCESS_DENIED");
      expect(await readdir(join(top, "r"))).toEqual(["s"]);
      expect(port.openFiles).toBe(0);
    }
  });

  test.each(["EPERM", "ENOTSUP", "ENOSYS"])("without hard links (%s) is STORAGE_UNSUPPORTED_FILE_SYSTEM", async (code) => {
    const root = await tempRoot();
    const port = faultPort(root);
    port.inject(/^link/, { code });
    await rejection(fsBackend({ root, port }), "STORAGE_UNSUPPORTED_FILE_SYSTEM");
    expect(await readdir(root)).toEqual([]);
    expect(port.openFiles).toBe(0);
  });

  test.each(["EROFS", "EACCES", "ENOSPC", "EMFILE"])("works where links cannot be tried (%s)", async (code) => {
    const { root, backend: writer } = await open();
    await writer.create(KEY, BYTES);
    const port = faultPort(root);
    port.inject(/^open create/, { code });
    const backend = await fsBackend({ root, port });
    expect(await backend.read(KEY)).toEqual(BYTES);
  });
});

async function* chunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}
