import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { storageKey, storagePrefix, type AppendFile, type AppendOpenOptions } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, gate, type FaultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("log/1.wal");
const BYTES = new Uint8Array([1, 2, 3]);
const KIB = 1024;
const MIB = 1024 * KIB;

interface Opened {
  readonly root: string;
  readonly port: FaultPort;
  readonly backend: FsBackend;
  readonly file: AppendFile;
}

async function open(
  options: Omit<AppendOpenOptions & { mode: "create" }, "mode"> = {},
  overrides: Partial<Pick<FsPort, "appendMode" | "fileSystem">> = {},
): Promise<Opened> {
  const root = await tempRoot();
  const local = { type: "ext4", localLocks: true, copyOnWrite: false };
  const port = faultPort(root, { appendMode: () => "write-then-sync", fileSystem: () => Promise.resolve(local), ...overrides });
  const backend = await fsBackend({ root, port });
  const file = await backend.appendable.open(KEY, { ...options, mode: "create" });
  port.forget();
  return { root, port, backend, file };
}

/** `bytes@position` of each write. */
const writes = (port: FaultPort): readonly string[] => port.calls.filter((it) => it.startsWith("write")).map((it) => it.split(" ").at(-1) ?? "");
const syncs = (port: FaultPort): readonly string[] => port.calls.filter((it) => it.includes('sync ') && !it.startsWith("write"));

describe("opening", () => {
  test("makes the name durable before it resolves", async () => {
    const root = await tempRoot();
    const port = faultPort(root);
    const backend = await fsBackend({ root, port });
    port.forget();
    await backend.appendable.open(KEY, { mode: "create" });
    const calls = port.calls.filter((it) => /^(?:mkdir|open|syncDirectory) /.test(it));
    const how = port.appendMode() === "dsync" ? " dsync" : "";
    expect(calls).toEqual([
      "mkdir log",
      "syncDirectory ..",
      "syncDirectory .",
      "syncDirectory log",
      `open create log/1.wal${how}`,
      "syncDirectory log",
    ]);
  });

  test("makes what is found durable in mode continue", async () => {
    const { port, backend, file } = await open();
    await file.append(BYTES);
    await file.close();
    port.forget();
    expect((await backend.appendable.open(KEY, { mode: "continue" })).size).toBe(3);
    expect(port.calls.filter((it) => it.includes("sync"))).toEqual(["datasync log/1.wal", "syncDirectory log"]);
  });

  test.each(["open create log/1.wal", "syncDirectory log"])("no room at %s: STORAGE_FULL, nothing is left", async (call) => {
    const root = await tempRoot();
    const port = faultPort(root);
    const backend = await fsBackend({ root, port });
    await backend.create(storageKey("log/other.bin"), BYTES);
    port.inject(new RegExp(`^${call}`), { code: "EMFILE" });
    const error = await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_FULL");
    expect(error.outcome).toBe("not_applied");
    expect(port.openFiles).toBe(0);
    await (await backend.appendable.open(KEY, { mode: "create" })).close();
  });

  test("a file that may have been made is not said to be absent, and not answered before it is durable", async () => {
    const root = await tempRoot();
    const port = faultPort(root);
    const backend = await fsBackend({ root, port });
    await backend.create(storageKey("log/other.bin"), BYTES);
    port.inject(/^open create log\/1.wal/, { code: "EIO", done: true });
    expect((await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
    port.forget();
    expect(await backend.read(KEY)).toEqual(new Uint8Array());
    expect(port.calls.slice(-1)[0]).toMatch(/^close/);
    expect(port.calls).toContain("syncDirectory log");
    await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_ALREADY_EXISTS");
  });

  test.each(["unlink log/1.wal", "syncDirectory log"])("where %s fails too, the file may be left", async (call) => {
    const root = await tempRoot();
    const port = faultPort(root);
    const backend = await fsBackend({ root, port });
    await backend.create(storageKey("log/other.bin"), BYTES);
    port.inject(/^syncDirectory log/, { code: "EMFILE" });
    port.inject(new RegExp(`^${call}`), { code: "EMFILE" });
    const error = await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_FULL");
    expect([error.outcome, error.retryable]).toEqual(["unknown", false]);
    expect(port.openFiles).toBe(0);
  });

  test.each(["nfs", "unknown 0x1234"])("is refused on a file system whose locks are not local (%s) unless allowed", async (type) => {
    const root = await tempRoot();
    const port = faultPort(root, { fileSystem: () => Promise.resolve({ type, localLocks: false, copyOnWrite: false }) });
    const backend = await fsBackend({ root, port });
    await backend.create(storageKey("log/other.bin"), BYTES);
    const error = await rejection(backend.appendable.open(KEY, { mode: "create" }), "STORAGE_UNSUPPORTED_FILE_SYSTEM");
    expect(error.message).toContain(type);
    await rejection(backend.appendable.open(storageKey("log/other.bin"), { mode: "continue" }), "STORAGE_UNSUPPORTED_FILE_SYSTEM");
    const allowed = await fsBackend({ root, port, allowNetworkFileSystem: true });
    await (await allowed.appendable.open(KEY, { mode: "create" })).append(BYTES);
    await allowed.close();
  });
});

describe("appending", () => {
  test("is one write on a descriptor with O_DSYNC where that is durable", async () => {
    const root = await tempRoot();
    const port = faultPort(root);
    if (port.appendMode() !== "dsync") return;
    const backend = await fsBackend({ root, port });
    const file = await backend.appendable.open(KEY, { mode: "create" });
    port.forget();
    await file.append(BYTES);
    await file.append(BYTES, { at: 100 });
    expect(port.calls).toEqual(["write log/1.wal dsync 3@0", "write log/1.wal dsync 3@100"]);
    await file.close();
  });

  test("is one write and one fdatasync elsewhere", async () => {
    const { port, file } = await open();
    await file.append(BYTES);
    await file.append(BYTES, { at: 100 });
    expect(port.calls).toEqual([
      "write log/1.wal 3@0",
      "datasync log/1.wal",
      "write log/1.wal 3@100",
      "datasync log/1.wal",
    ]);
  });

  test("by hand syncs only when told", async () => {
    const { port, file } = await open({ sync: "manual" }, { appendMode: () => "dsync" });
    await file.append(BYTES);
    await file.append(BYTES);
    expect(port.calls).toEqual(["write log/1.wal 3@0", "write log/1.wal 3@3"]);
    port.forget();
    await file.sync();
    expect(port.calls).toEqual(["datasync log/1.wal"]);
  });

  test("begins a write only when the one before is durable", async () => {
    const { port, file } = await open();
    await Promise.all([file.append(BYTES), file.append(BYTES), file.append(BYTES)]);
    expect(port.calls.map((it) => it.split(" ")[0])).toEqual(["write", "datasync", "write", "datasync", "write", "datasync"]);
  });

  test("truncate is durable before the next append", async () => {
    const { port, file } = await open({ sync: "manual" });
    await file.append(BYTES);
    port.forget();
    await file.truncate(1);
    expect(port.calls).toEqual(["truncate log/1.wal 1", "datasync log/1.wal"]);
  });
});

describe("a failed write", () => {
  const failures = {
    EIO: [/^write/, { code: "EIO" }, "STORAGE_WRITE_FAILED"],
    "EIO although the bytes are in the cache": [/^write/, { code: "EIO", done: true }, "STORAGE_WRITE_FAILED"],
    "EIO of the sync": [/^datasync/, { code: "EIO", done: true }, "STORAGE_WRITE_FAILED"],
    ENOSPC: [/^write/, { code: "ENOSPC" }, "STORAGE_FULL"],
    EDQUOT: [/^datasync/, { code: "EDQUOT" }, "STORAGE_FULL"],
  } as const;

  test.each(Object.keys(failures) as (keyof typeof failures)[])("%s: unknown, and every later call is STORAGE_POISONED", async (name) => {
    const [call, fault, code] = failures[name];
    // The second append brings space, so the one that fails is within it.
    const { root, port, file } = await open({ reserveBytes: MIB });
    await file.append(new Uint8Array([1]));
    await file.append(new Uint8Array([2, 3]));
    const before = port.calls.length;
    port.inject(call, fault);
    const order: string[] = [];
    const calls = [
      rejection(file.append(new Uint8Array(4).fill(4)), code).then((error) => {
        order.push("failed");
        expect([error.outcome, error.retryable, error.key, error.offset]).toEqual(["unknown", false, KEY, 3]);
      }),
      ...[() => file.append(BYTES), () => file.append(BYTES), () => file.sync(), () => file.truncate(0)].map((later, index) =>
        rejection(later(), "STORAGE_POISONED").then((error) => {
          order.push(`later ${index}`);
          expect(error.outcome).toBe("not_applied");
        }),
      ),
    ];
    await Promise.all(calls);
    expect(order).toEqual(["failed", "later 0", "later 1", "later 2", "later 3"]);
    expect(file.size).toBe(3);
    await rejection(file.append(BYTES), "STORAGE_POISONED");
    // Nothing more is written, cut or synced: whoever opens the file next must see what there was.
    await port.quiet();
    await file.close();
    const after = port.calls.slice(before).filter((it) => !it.startsWith("close"));
    expect(after.filter((it) => it.startsWith("write"))).toHaveLength(1);
    expect(after.some((it) => it.startsWith("truncate"))).toBe(false);
    expect((await readFile(join(root, KEY))).subarray(0, 3)).toEqual(Buffer.from(BYTES));
    await rejection(file.append(BYTES), "STORAGE_CLOSED");
    expect(port.openFiles).toBe(0);
  });

  test.each([
    ["there is no room", { code: "ENOSPC" }, "STORAGE_FULL", "ENOSPC"],
    ["there is no quota", { code: "EDQUOT" }, "STORAGE_FULL", "EDQUOT"],
    ["a limit is reached", { code: "EFBIG" }, "STORAGE_WRITE_FAILED", "EFBIG"],
    ["the disk fails", { code: "EIO", done: true }, "STORAGE_WRITE_FAILED", "EIO"],
    ["it is short as well", { written: 1 }, "STORAGE_WRITE_FAILED", "short write"],
  ] as const)("a short write whose rest cannot be written, since %s: says why, unknown, and poisons", async (_, fault, code, cause) => {
    const { root, port, file } = await open();
    await file.append(BYTES);
    port.forget();
    port.inject(/^write .* 4@3/, { written: 2 });
    port.inject(/^write .* 2@5/, fault);
    const error = await rejection(file.append(new Uint8Array([4, 5, 6, 7])), code);
    expect(error).toMatchObject({ outcome: "unknown", retryable: false, key: KEY, offset: 3, cause: { code: cause } });
    await rejection(file.append(BYTES), "STORAGE_POISONED");
    await file.close();
    expect(writes(port), "the rest is tried once").toEqual(["4@3", "2@5"]);
    expect(port.calls.some((it) => it.startsWith("truncate"))).toBe(false);
    const seen = await readFile(join(root, KEY));
    expect(seen.subarray(0, 5), "what was written stays as it is").toEqual(Buffer.from([1, 2, 3, 4, 5]));
    expect(port.openFiles).toBe(0);
  });

  test.each(["each", "manual"] as const)("the rest of a short write follows, and is as durable (%s)", async (sync) => {
    const { root, port, file } = await open({ sync });
    await file.append(BYTES);
    port.forget();
    port.inject(/^write .* 4@3/, { written: 1 });
    const order: string[] = [];
    await Promise.all([
      file.append(new Uint8Array([4, 5, 6, 7])).then(() => order.push("short")),
      file.append(BYTES).then(() => order.push("next")),
    ]);
    expect(order).toEqual(["short", "next"]);
    expect(writes(port)).toEqual(["4@3", "3@4", "3@7"]);
    const after = port.calls.map((it) => it.split(" ")[0]);
    expect(after.slice(after.lastIndexOf("write") - 1)).toEqual(sync === "each" ? ["datasync", "write", "datasync"] : ["write", "write"]);
    expect(file.size).toBe(10);
    await file.close();
    expect(await readFile(join(root, KEY))).toEqual(Buffer.from([1, 2, 3, 4, 5, 6, 7, 1, 2, 3]));
  });

  test("a failed sync by hand poisons", async () => {
    const { port, file } = await open({ sync: "manual" });
    await file.append(BYTES);
    port.inject(/^datasync/, { code: "EIO" });
    expect((await rejection(file.sync(), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
    await rejection(file.sync(), "STORAGE_POISONED");
    await rejection(file.append(BYTES), "STORAGE_POISONED");
  });

  test("a failed truncate poisons", async () => {
    const { port, file } = await open();
    await file.append(BYTES);
    port.inject(/^truncate/, { code: "EIO" });
    expect((await rejection(file.truncate(1), "STORAGE_WRITE_FAILED")).outcome).toBe("unknown");
    await rejection(file.append(BYTES), "STORAGE_POISONED");
  });

  test("a bad argument harms nothing", async () => {
    const { file } = await open();
    await file.append(BYTES);
    await rejection(file.append(BYTES, { at: 2 }), "STORAGE_INVALID_ARGUMENT");
    await rejection(file.truncate(4), "STORAGE_INVALID_ARGUMENT");
    await file.append(BYTES);
    expect(file.size).toBe(6);
  });

  test("other files of the backend go on", async () => {
    const { port, backend, file } = await open();
    const other = await backend.appendable.open(storageKey("log/2.wal"), { mode: "create" });
    port.inject(/^write log\/1/, { code: "EIO" });
    await rejection(file.append(BYTES), "STORAGE_WRITE_FAILED");
    await other.append(BYTES);
    expect(other.size).toBe(3);
  });
});

describe("space that is prepared", () => {
  test("comes with an append that grows the file, behind it, in the same write, a little at first and then more", async () => {
    const { port, file } = await open({ reserveBytes: 64 * MIB });
    const lengths = [5000, 100, 60_000, 1000, 60_000, 70_000, 1, 70_000, 100_000, 100_000];
    for (const length of lengths) await file.append(new Uint8Array(length));
    expect(writes(port)).toEqual([
      "5000@0", // The first append brings nothing.
      "64632@5000", // 64 KiB, less what would not fill a block.
      "60000@5100",
      "1000@65100",
      "64972@66100", // As much as there is already, so the file doubles.
      "123756@126100",
      "1@196100",
      "193019@196101",
      "100000@266101",
      "362987@366101",
    ]);
  });

  test("a write that brings zeros is at most 256 KiB for small appends, 512 KiB for others, within what was asked for", async () => {
    for (const [length, most] of [[20_000, 256 * KIB], [100_000, 512 * KIB], [130_000, 512 * KIB]] as const) {
      const { port, file } = await open({ reserveBytes: 6 * MIB + 100 });
      for (let at = 0; at < 8 * MIB; at += length) await file.append(new Uint8Array(length));
      const ranges = writes(port).map((it) => it.split("@").map(Number));
      const longer = ranges.filter(([bytes]) => bytes! > length);
      expect(longer.length).toBeGreaterThan(5);
      expect(Math.max(...longer.map(([bytes]) => bytes!))).toBeLessThanOrEqual(most);
      expect(Math.max(...longer.map(([bytes]) => bytes!))).toBeGreaterThan(most - 8 * KIB);
      // Within the reservation an append is either in prepared space or prepares; beyond it nothing is prepared.
      expect(Math.max(...longer.map(([bytes, at]) => at! + bytes!))).toBeLessThanOrEqual(6 * MIB + 100);
      const growing = ranges.filter(([bytes, at], index) => at! + bytes! > Math.max(0, ...ranges.slice(0, index).map(([b, a]) => a! + b!)));
      expect(growing.filter(([bytes, at]) => at! > 2 * length && bytes === length && at! + most < 6 * MIB)).toEqual([]);
    }
  });

  test("is not prepared on copy-on-write file systems, nor without being asked for, nor by large appends", async () => {
    const copyOnWrite = { type: "btrfs", localLocks: true, copyOnWrite: true };
    for (const it of [await open({ reserveBytes: MIB }, { fileSystem: () => Promise.resolve(copyOnWrite) }), await open()]) {
      for (let turn = 0; turn < 5; turn += 1) await it.file.append(BYTES);
      expect(writes(it.port)).toEqual(["3@0", "3@3", "3@6", "3@9", "3@12"]);
    }
    const { port, file } = await open({ reserveBytes: 64 * MIB });
    for (let turn = 0; turn < 3; turn += 1) await file.append(new Uint8Array(400_000));
    expect(writes(port)).toEqual(["400000@0", "400000@400000", "400000@800000"]);
  });

  test("every append is as durable as one that brings nothing", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    for (let turn = 0; turn < 30; turn += 1) await file.append(new Uint8Array(9000));
    expect(port.calls.map((it) => it.split(" ")[0])).toEqual(Array.from({ length: 30 }, () => ["write", "datasync"]).flat());
    const manual = await open({ sync: "manual", reserveBytes: MIB }, { appendMode: () => "dsync" });
    for (let turn = 0; turn < 30; turn += 1) await manual.file.append(new Uint8Array(9000));
    expect(syncs(manual.port)).toEqual([]);
    expect(writes(manual.port)).toEqual(writes(port));
  });

  test("is cut off by close, and reads as zeros before", async () => {
    const { root, port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    await file.append(BYTES);
    const seen = await readFile(join(root, KEY));
    expect(seen.length).toBe(64 * KIB);
    expect(seen.subarray(6).every((byte) => byte === 0)).toBe(true);
    await file.close();
    expect(await readFile(join(root, KEY))).toEqual(Buffer.from([1, 2, 3, 1, 2, 3]));
    expect(port.openFiles).toBe(0);
  });

  test.each([
    ["no room", { code: "ENOSPC" }],
    ["no quota", { code: "EDQUOT" }],
    ["a short write behind the append", { written: 5000 }],
    ["a short write at its end", { written: 3 }],
    ["a short write within the append", { written: 2 }],
  ] as const)("where there is no room for zeros (%s), appends go on without", async (_, fault) => {
    const { root, port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    port.inject(/ 65533@3$/, fault);
    for (let turn = 0; turn < 4; turn += 1) await file.append(BYTES);
    expect(writes(port).filter((it) => !/^[13]@/.test(it))).toEqual(["65533@3"]);
    expect(file.size).toBe(15);
    await file.close();
    expect(await readFile(join(root, KEY))).toEqual(Buffer.from([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
    expect(port.openFiles).toBe(0);
  });

  test.each([
    ["EIO", { code: "EIO" }, "STORAGE_WRITE_FAILED"],
    ["EIO although the bytes are in the cache", { code: "EIO", done: true }, "STORAGE_WRITE_FAILED"],
  ] as const)("a write with zeros that fails (%s) poisons like any other", async (_, fault, code) => {
    const { port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    port.inject(/ 65533@3$/, fault);
    const error = await rejection(file.append(BYTES), code);
    expect([error.outcome, error.offset, file.size]).toEqual(["unknown", 3, 3]);
    await rejection(file.append(BYTES), "STORAGE_POISONED");
    expect(writes(port)).toEqual(["3@0", "65533@3"]);
    await file.close();
    expect(port.calls.some((it) => it.startsWith("truncate"))).toBe(false);
  });

  test("an append that finds no room, without zeros either, poisons", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    port.inject(/^write/, { code: "ENOSPC" }, { times: 2 });
    expect((await rejection(file.append(BYTES), "STORAGE_FULL")).outcome).toBe("unknown");
    expect(writes(port)).toEqual(["3@0", "65533@3", "3@3"]);
    await rejection(file.append(BYTES), "STORAGE_POISONED");
  });

  test("zeros of several files at once do not mix", async () => {
    const { root, backend } = await open();
    const names = Array.from({ length: 6 }, (_, index) => storageKey(`log/many-${index}.wal`));
    const files = await Promise.all(names.map((key) => backend.appendable.open(key, { mode: "create", reserveBytes: MIB })));
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.all(files.map((file, index) => file.append(new Uint8Array(7000).fill(index + 1))));
    }
    for (const [index, key] of names.entries()) {
      const seen = await readFile(join(root, key));
      expect(seen.length).toBeGreaterThan(140_000);
      expect(seen.subarray(0, 140_000).every((byte) => byte === index + 1)).toBe(true);
      expect(seen.subarray(140_000).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("close reports that cutting it off failed, after everything is closed", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    await file.append(BYTES);
    port.inject(/^truncate/, { code: "EIO" });
    await rejection(file.close(), "STORAGE_WRITE_FAILED");
    expect(port.openFiles).toBe(0);
    await rejection(file.append(BYTES), "STORAGE_CLOSED");
  });

  test("never overwrites what was appended, whatever the lengths, gaps and speeds", async () => {
    const step = fc.record({ gap: fc.oneof(fc.constant(0), fc.nat(9_000)), length: fc.integer({ min: 1, max: 30_000 }), turns: fc.nat(6) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), fc.boolean(), async (steps, manual) => {
        const { root, backend, file } = await open({ reserveBytes: 2 * MIB, sync: manual ? "manual" : "each" });
        const model = Buffer.alloc(steps.reduce((sum, it) => sum + it.gap + it.length, 0));
        const appends: Promise<void>[] = [];
        let end = 0;
        for (const [index, { gap, length, turns }] of steps.entries()) {
          const bytes = new Uint8Array(length).fill((index % 255) + 1);
          model.set(bytes, end + gap);
          appends.push(file.append(bytes, { at: end + gap }));
          end += gap + length;
          for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(appends);
        const seen = await readFile(join(root, KEY));
        expect(seen.subarray(0, end).equals(model)).toBe(true);
        expect(seen.subarray(end).every((byte) => byte === 0)).toBe(true);
        await file.close();
        expect((await readFile(join(root, KEY))).equals(model)).toBe(true);
        await backend.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe("closing the backend", () => {
  test("waits for appends in flight, then closes files and lets go of locks", async () => {
    const { port, backend, file } = await open();
    const lock = await backend.appendable.lock(storagePrefix("log/"));
    const door = gate();
    port.inject(/^write/, { until: door.opened });
    const append = file.append(BYTES);
    const close = backend.close();
    await port.begun(/^write/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(port.openFiles).toBe(2);
    door.open();
    await Promise.all([append, close]);
    expect(port.openFiles).toBe(0);
    expect(file.size).toBe(3);
    expect(port.calls.filter((it) => it.startsWith("close"))).toEqual(["close log/1.wal", "close log/.lock"]);
    await lock.release();
    await file.close();
  });

  test("closes everything although something fails, and says so", async () => {
    const { port, backend, file } = await open({ reserveBytes: MIB });
    await backend.appendable.lock(storagePrefix("log/"));
    await file.append(BYTES);
    await file.append(BYTES);
    port.inject(/^truncate/, { code: "EIO" });
    await rejection(backend.close(), "STORAGE_WRITE_FAILED");
    expect(port.openFiles).toBe(0);
  });
});
