import { constants } from "node:fs";
import { readdir, readFile, stat, statfs, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FsPort } from "@holdfast/storage/ports";
import { expect, test } from "vitest";
import { fileSystemOfType } from "../src/file-systems.js";
import { nodeFsPort } from "../src/index.js";
import { tempRoot } from "./temp-root.js";

const port: FsPort = nodeFsPort;

test("commits are O_DSYNC writes on Linux and nowhere else", () => {
  expect(port.appendMode()).toBe(process.platform === "linux" ? "dsync" : "write-then-sync");
});

test.runIf(process.platform === "linux")("a descriptor for commits has O_DSYNC, and only that one", async () => {
  const root = await tempRoot();
  for (const dsync of [true, false]) {
    const file = await port.open(join(root, `${String(dsync)}.bin`), { mode: "create", dsync });
    const { ino } = await stat(join(root, `${String(dsync)}.bin`));
    expect(await flagsOf(ino)).toBe(dsync ? constants.O_DSYNC : 0);
    await file.close();
  }
});

/** O_DSYNC among the flags of the descriptor of this process that has the inode open, as Linux tells them. */
async function flagsOf(inode: number): Promise<number> {
  for (const descriptor of await readdir("/proc/self/fd")) {
    const found = await stat(`/proc/self/fd/${descriptor}`).catch(() => undefined);
    if (found?.ino !== inode) continue;
    const info = await readFile(`/proc/self/fdinfo/${descriptor}`, "utf8");
    return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "0", 8) & constants.O_DSYNC;
  }
  throw new Error("no descriptor has the inode open");
}

test("open modes: what must exist, what must not, and no symbolic links", async () => {
  const root = await tempRoot();
  const [there, absent, link] = [join(root, "there"), join(root, "absent"), join(root, "link")];
  await writeFile(there, "content");
  await symlink("there", link);
  await expect(port.open(absent, { mode: "read" })).rejects.toMatchObject({ code: "ENOENT" });
  await expect(port.open(absent, { mode: "write" })).rejects.toMatchObject({ code: "ENOENT" });
  await expect(port.open(there, { mode: "create" })).rejects.toMatchObject({ code: "EEXIST" });
  for (const mode of ["read", "write", "lock"] as const) {
    await expect(port.open(link, { mode }), mode).rejects.toMatchObject({ code: "ELOOP" });
    await (await port.open(there, { mode })).close();
  }
  await expect(port.open(link, { mode: "create" })).rejects.toMatchObject({ code: "EEXIST" });
  await (await port.open(absent, { mode: "lock" })).close();
  expect(await readFile(there, "utf8")).toBe("content");
});

test("a closed file refuses everything: its number may belong to another file", async () => {
  const root = await tempRoot();
  const file = await port.open(join(root, "file"), { mode: "create" });
  await file.close();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => file.read(new Uint8Array(1), 0, 1, 0),
    () => file.write(new Uint8Array(1), 0),
    () => file.sync(),
    () => file.datasync(),
    () => file.truncate(0),
    () => file.stat(),
    () => file.tryLock(),
    () => file.unlock(),
    () => file.close(),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "EBADF" });
});

test("a lock excludes another open file of the same process until it is let go of or closed", async () => {
  const path = join(await tempRoot(), "file");
  const one = await port.open(path, { mode: "lock" });
  const two = await port.open(path, { mode: "lock" });
  expect([await one.tryLock(), await two.tryLock()]).toEqual([true, false]);
  // Closing another open file of the same process must not let go of it, as POSIX locks would.
  await (await port.open(path, { mode: "read" })).close();
  expect(await two.tryLock()).toBe(false);
  await one.unlock();
  expect([await two.tryLock(), await one.tryLock()]).toEqual([true, false]);
  await two.close();
  expect(await one.tryLock()).toBe(true);
  await one.close();
});

test("identity and links tell files apart", async () => {
  const root = await tempRoot();
  await writeFile(join(root, "one"), "abc");
  await port.link(join(root, "one"), join(root, "two"));
  const [one, two, directory] = await Promise.all(["one", "two", "."].map((name) => port.lstat(join(root, name))));
  expect(one).toMatchObject({ kind: "file", size: 3, links: 2 });
  expect(two?.identity).toBe(one?.identity);
  expect(directory?.kind).toBe("directory");
  expect(directory?.identity).not.toBe(one?.identity);
  await expect(port.link(join(root, "one"), join(root, "two"))).rejects.toMatchObject({ code: "EEXIST" });
});

test("file systems are known by their number; one that is not known is not taken for local", () => {
  expect(fileSystemOfType("linux", 0xef53n)).toEqual({ type: "ext4", localLocks: true, copyOnWrite: false });
  expect(fileSystemOfType("linux", 0x9123683en)).toEqual({ type: "btrfs", localLocks: true, copyOnWrite: true });
  expect(fileSystemOfType("darwin", 0x1an)).toEqual({ type: "apfs", localLocks: true, copyOnWrite: true });
  for (const type of [0x6969n, 0xff534d42n, 0xfe534d42n, 0x517bn, 0x01021997n, 0x65735546n]) {
    expect(fileSystemOfType("linux", type).localLocks).toBe(false);
  }
  expect(fileSystemOfType("linux", 0x1234n)).toEqual({ type: "unknown 0x1234", localLocks: false, copyOnWrite: false });
  expect(fileSystemOfType("darwin", 0xef53n).localLocks).toBe(false);
});

test("the file system of a path is told", async () => {
  const root = await tempRoot();
  const { type } = await statfs(root, { bigint: true });
  expect(await port.fileSystem(root)).toEqual(fileSystemOfType(process.platform, type));
});
