import { readFile, rename, writeFile } from "node:fs/promises";
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

/** Writes of whole blocks: the tests append other lengths. */
const fills = (port: FaultPort): readonly string[] =>
  port.calls.flatMap((it) => {
    const [, bytes, at] = /^write log\/1\.wal(?: dsync)? (\d+)@(\d+)$/.exec(it) ?? [];
    return Number(bytes) % 4096 === 0 ? [`${bytes ?? ""}@${at ?? ""}`] : [];
  });
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
    "a short write": [/^write/, { written: 2 }, "STORAGE_WRITE_FAILED"],
    EIO: [/^write/, { code: "EIO" }, "STORAGE_WRITE_FAILED"],
    "EIO although the bytes are in the cache": [/^write/, { code: "EIO", done: true }, "STORAGE_WRITE_FAILED"],
    "EIO of the sync": [/^datasync/, { code: "EIO", done: true }, "STORAGE_WRITE_FAILED"],
    ENOSPC: [/^write/, { code: "ENOSPC" }, "STORAGE_FULL"],
    EDQUOT: [/^datasync/, { code: "EDQUOT" }, "STORAGE_FULL"],
  } as const;

  test.each(Object.keys(failures) as (keyof typeof failures)[])("%s: unknown, and every later call is STORAGE_POISONED", async (name) => {
    const [call, fault, code] = failures[name];
    const { root, port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    await port.quiet();
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
  test("is filled after the first append, behind it, on blocks of its own, a little at first and then more", async () => {
    const { port, file } = await open({ reserveBytes: 64 * MIB });
    await port.quiet();
    expect(port.calls).toEqual([]);
    await file.append(new Uint8Array(5000));
    await port.quiet();
    expect(fills(port)).toEqual(["65536@8192"]);
    await file.append(new Uint8Array(40_000));
    await port.quiet();
    expect(fills(port)).toEqual(["65536@8192", "102400@73728"]);
    await file.append(new Uint8Array(100));
    await port.quiet();
    expect(fills(port)).toHaveLength(2);
  });

  test("grows to at most 1 MiB ahead, in synced steps of at most 256 KiB, up to what was asked for", async () => {
    const { port, file } = await open({ reserveBytes: 3 * MIB + 8 * KIB });
    let prepared = 0;
    for (let at = 0; at < 6 * MIB; at += 50_000) {
      await file.append(new Uint8Array(50_000));
      await port.quiet();
      for (const fill of fills(port)) {
        const [bytes, start] = fill.split("@").map(Number);
        expect(bytes).toBeLessThanOrEqual(256 * KIB);
        prepared = Math.max(prepared, start! + bytes!);
        expect(prepared - file.size).toBeLessThanOrEqual(MIB + 4096);
      }
      expect(syncs(port).length).toBe(port.calls.filter((it) => it.startsWith("write")).length);
      port.forget();
    }
    expect(prepared).toBe(3 * MIB + 8 * KIB);
  });

  test("is not prepared on copy-on-write file systems, nor without being asked for", async () => {
    const copyOnWrite = { type: "btrfs", localLocks: true, copyOnWrite: true };
    for (const it of [await open({ reserveBytes: MIB }, { fileSystem: () => Promise.resolve(copyOnWrite) }), await open()]) {
      await it.file.append(BYTES);
      await it.port.quiet();
      expect(fills(it.port)).toEqual([]);
    }
  });

  test("is not prepared while appends average over 64 KiB, and is again when they are small", async () => {
    const { port, file } = await open({ reserveBytes: 64 * MIB });
    await file.append(new Uint8Array(100_000));
    await port.quiet();
    expect(fills(port)).toEqual([]);
    for (let turn = 0; turn < 20; turn += 1) await file.append(BYTES);
    await port.quiet();
    expect(fills(port).length).toBeGreaterThan(0);
  });

  test("is filled by plain writes where the caller syncs by hand", async () => {
    const { port, file } = await open({ sync: "manual", reserveBytes: MIB }, { appendMode: () => "dsync" });
    await file.append(BYTES);
    await port.quiet();
    expect(fills(port)).toEqual(["65536@4096"]);
    expect(syncs(port)).toEqual([]);
    expect(port.calls).toContain("open write log/1.wal");
  });

  test("is cut off by close, and reads as zeros before", async () => {
    const { root, port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    await port.quiet();
    const seen = await readFile(join(root, KEY));
    expect(seen.length).toBeGreaterThan(64 * KIB);
    expect(seen.subarray(3).every((byte) => byte === 0)).toBe(true);
    await file.close();
    expect(await readFile(join(root, KEY))).toEqual(Buffer.from(BYTES));
    expect(port.openFiles).toBe(0);
  });

  test("an append into a step in flight waits for it; one before it does not", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    const door = gate();
    port.inject(/ 65536@4096$/, { until: door.opened });
    await file.append(BYTES);
    await port.begun(/ 65536@4096$/);
    await file.append(BYTES);
    let into = false;
    const append = file.append(new Uint8Array(5000)).then(() => (into = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(port.calls.at(-1)).not.toContain("5000@");
    expect(into).toBe(false);
    door.open();
    await append;
    expect(port.calls.filter((it) => it.startsWith("write")).at(-1)).toMatch(/5000@6$/);
  });

  test("an append beyond a step waits for it too, and the next step begins behind it", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    const door = gate();
    port.inject(/ 65536@4096$/, { until: door.opened });
    await file.append(BYTES);
    await port.begun(/ 65536@4096$/);
    const append = file.append(BYTES, { at: 300_000 });
    await new Promise((resolve) => setImmediate(resolve));
    door.open();
    await append;
    await port.quiet();
    for (const fill of fills(port).slice(1)) expect(Number(fill.split("@")[1])).toBeGreaterThanOrEqual(300_003);
  });

  test("a step that waited for its slot begins behind the append that is in flight by then", async () => {
    const { port, backend, file } = await open({ reserveBytes: MIB });
    const other = await backend.appendable.open(storageKey("log/2.wal"), { mode: "create", reserveBytes: MIB });
    const [filling, writing] = [gate(), gate()];
    port.inject(/^write log\/2\.wal 65536@/, { until: filling.opened });
    port.inject(/^write log\/1\.wal 5000@/, { until: writing.opened });
    await other.append(BYTES);
    await port.begun(/^write log\/2\.wal 65536@/);
    // The other file fills, so this one waits with filling, while its next append begins.
    await file.append(BYTES);
    const append = file.append(new Uint8Array(5000).fill(1));
    await port.begun(/^write log\/1\.wal 5000@/);
    filling.open();
    await port.begun(/^write log\/1\.wal \d+@(?!0$|3$)/);
    expect(fills(port)[0]).toMatch(/@8192$/);
    writing.open();
    await append;
  });

  test.each([
    ["no room", / 65536@/, { code: "ENOSPC" }],
    ["no quota", / 65536@/, { code: "EDQUOT" }],
    ["a short write", / 65536@/, { written: 5000 }],
    ["no descriptor", /^open write log/, { code: "EMFILE" }],
    ["the file's name is gone", /^open write log/, { code: "ENOENT" }],
  ] as const)("where it cannot be prepared (%s), appends go on without", async (_, call, fault) => {
    const { root, port, file } = await open({ reserveBytes: MIB });
    port.inject(call, fault);
    for (let turn = 0; turn < 5; turn += 1) {
      await file.append(BYTES);
      await port.quiet();
    }
    expect(fills(port).length).toBeLessThanOrEqual(1);
    expect(file.size).toBe(15);
    await file.close();
    expect(await readFile(join(root, KEY))).toEqual(Buffer.from([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
    expect(port.openFiles).toBe(0);
  });

  test("a name that was given to another file is not filled", async () => {
    const { root, port, file } = await open({ reserveBytes: MIB });
    await rename(join(root, KEY), join(root, "log/old.wal"));
    await writeFile(join(root, KEY), "another");
    await file.append(BYTES);
    await port.quiet();
    expect(fills(port)).toEqual([]);
    expect(await readFile(join(root, KEY), "utf8")).toBe("another");
    await file.append(BYTES);
    await file.close();
    expect(port.openFiles).toBe(0);
  });

  test.each([/^write .* 65536@/, /^datasync/])("a step that fails with EIO (%s) poisons: zeros are not known to be there", async (call) => {
    const { port, file } = await open({ reserveBytes: MIB });
    // The first datasync is the append's.
    port.inject(call, { code: "EIO" }, { nth: call.source.startsWith("^data") ? 2 : 1 });
    await file.append(BYTES);
    await port.quiet();
    const error = await rejection(file.append(BYTES), "STORAGE_POISONED");
    expect([error.outcome, file.size]).toEqual(["not_applied", 3]);
    await file.close();
    expect(port.openFiles).toBe(0);
  });

  test("close reports that cutting it off failed, after everything is closed", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    await file.append(BYTES);
    await port.quiet();
    port.inject(/^truncate/, { code: "EIO" });
    await rejection(file.close(), "STORAGE_WRITE_FAILED");
    expect(port.openFiles).toBe(0);
    await rejection(file.append(BYTES), "STORAGE_CLOSED");
  });

  test("is not prepared any more once close was called", async () => {
    const { port, file } = await open({ reserveBytes: MIB });
    const door = gate();
    port.inject(/ 65536@4096$/, { until: door.opened });
    await file.append(BYTES);
    await port.begun(/ 65536@4096$/);
    let closed = false;
    const close = file.close().then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    door.open();
    await close;
    expect(port.openFiles).toBe(0);
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
    await port.quiet();
    port.inject(/^truncate/, { code: "EIO" });
    await rejection(backend.close(), "STORAGE_WRITE_FAILED");
    expect(port.openFiles).toBe(0);
  });
});
