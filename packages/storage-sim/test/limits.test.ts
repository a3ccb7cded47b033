import type { FsFile } from "@holdfast/storage/ports";
import { describe, expect, test } from "vitest";
import { virtualClock } from "../src/index.js";
import { bytes, content, durableFile, newDisk, put } from "./support/sim.js";

describe("a full disk", () => {
  test("takes what fits, in blocks of 4096 bytes, and then nothing", async () => {
    const disk = newDisk({ capacityBytes: 8192 });
    const port = disk.port();
    const file = await port.open("/a", { mode: "create" });
    expect(await file.write(bytes("A".repeat(20)), 0)).toBe(8192);
    await expect(file.write(bytes("B"), 8192)).rejects.toMatchObject({ code: "ENOSPC" });
    // What has a block can be overwritten, a hole cannot be filled.
    expect(await file.write(bytes("B"), 512)).toBe(512);
    await file.truncate(20_000);
    await expect(file.write(bytes("B"), 16_384)).rejects.toMatchObject({ code: "ENOSPC" });
  });

  test("has room again when a file is cut, or removed and closed", async () => {
    const disk = newDisk({ capacityBytes: 8192 });
    const port = disk.port();
    const file = await put(port, "/a", bytes("A".repeat(16)));
    const other = await port.open("/b", { mode: "create" });
    await expect(other.write(bytes("B"), 0)).rejects.toMatchObject({ code: "ENOSPC" });
    await file.truncate(4096);
    expect(await other.write(bytes("B"), 0)).toBe(512);
    await expect(other.write(bytes("B"), 4096)).rejects.toMatchObject({ code: "ENOSPC" });
    await port.unlink("/a");
    await expect(other.write(bytes("B"), 4096)).rejects.toMatchObject({ code: "ENOSPC" });
    await file.close();
    expect(await other.write(bytes("B"), 4096)).toBe(512);
  });

  test("has room for so many files and directories", async () => {
    const disk = newDisk({ capacityFiles: 2 });
    const port = disk.port();
    await port.mkdir("/d", 0o700);
    await (await port.open("/a", { mode: "create" })).close();
    await expect(port.open("/b", { mode: "create" })).rejects.toMatchObject({ code: "ENOSPC" });
    await expect(port.mkdir("/e", 0o700)).rejects.toMatchObject({ code: "ENOSPC" });
    await port.unlink("/a");
    await port.mkdir("/e", 0o700);
  });
});

describe("a process", () => {
  test("may have so many files open", async () => {
    const disk = newDisk({ maxOpenFiles: 2 });
    const port = disk.port();
    const first = await port.open("/a", { mode: "create" });
    await port.open("/b", { mode: "create" });
    await expect(port.open("/c", { mode: "create" })).rejects.toMatchObject({ code: "EMFILE" });
    expect(disk.files().has("/c")).toBe(false);
    // Another process has its own count.
    await disk.port().open("/c", { mode: "create" });
    await first.close();
    await port.open("/c", { mode: "read" });
  });
});

test("a file that was opened by a call that then failed is not open", async () => {
  const disk = newDisk({ maxOpenFiles: 1, faults: [{ operation: "open", nth: 1, kind: "failAfter", code: "EINTR" }] });
  const port = disk.port();
  await expect(port.open("/a", { mode: "create" })).rejects.toMatchObject({ code: "EINTR" });
  await (await port.open("/a", { mode: "read" })).close();
});

describe("a lock", () => {
  test("has one holder, until it is let go, closed, or its process is killed", async () => {
    const disk = newDisk();
    const open = (): Promise<FsFile> => disk.port().open("/lock", { mode: "lock" });
    const [first, second] = [await open(), await open()];
    expect([await first.tryLock(), await first.tryLock(), await second.tryLock()]).toEqual([true, true, false]);
    await second.unlock();
    expect(await second.tryLock()).toBe(false);
    await first.unlock();
    expect(await second.tryLock()).toBe(true);
    expect(await first.tryLock()).toBe(false);
    await second.close();
    expect(await first.tryLock()).toBe(true);
    await expect(second.unlock()).rejects.toMatchObject({ code: "EBADF" });
  });
});

describe("a disk that became read-only", () => {
  test("by itself or by a fault refuses every change and can be read", async () => {
    const disk = newDisk({ faults: [{ operation: "write", nth: 2, kind: "readOnly" }] });
    const port = disk.port();
    const file = await durableFile(disk, "/a", bytes("A"));
    await expect(file.write(bytes("B"), 0)).rejects.toMatchObject({ code: "EROFS" });
    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["write", () => file.write(bytes("B"), 0)],
      ["truncate", () => file.truncate(0)],
      ["create", () => port.open("/b", { mode: "create" })],
      ["lock", () => port.open("/a", { mode: "lock" })],
      ["open for writing", () => port.open("/a", { mode: "write" })],
      ["mkdir", () => port.mkdir("/d", 0o700)],
      ["link", () => port.link("/a", "/b")],
      ["rename", () => port.rename("/a", "/b")],
      ["unlink", () => port.unlink("/a")],
    ];
    for (const [name, change] of changes) await expect(change(), name).rejects.toMatchObject({ code: "EROFS" });
    const buffer = new Uint8Array(512);
    await (await port.open("/a", { mode: "read" })).read(buffer, 0, 512, 0);
    expect(buffer).toEqual(bytes("A"));
    disk.heal();
    await file.write(bytes("B"), 0);
    disk.remountReadOnly();
    await expect(file.write(bytes("C"), 0)).rejects.toMatchObject({ code: "EROFS" });
    expect(content(disk, "/a")).toBe("B");
    // It is still so when the process has died, and no longer when the machine has started again.
    await expect(disk.crash({ kind: "process" }).port().unlink("/a")).rejects.toMatchObject({ code: "EROFS" });
    await disk.crash({ kind: "power" }).port().unlink("/a");
  });
});

test("files have the times of the clock", async () => {
  const clock = virtualClock({ startMs: 5000 });
  const disk = newDisk({ clock });
  const file = await put(disk.port(), "/a", bytes("A"));
  expect((await file.stat()).modifiedAt).toBe(5000);
  clock.step(-1000);
  await file.write(bytes("B"), 0);
  expect((await disk.port().lstat("/a")).modifiedAt).toBe(4000);
});
