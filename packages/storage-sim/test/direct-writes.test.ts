import type { FsFile } from "@holdfast/storage/ports";
import { describe, expect, test } from "vitest";
import { crashStates, mildAdversary, seededAdversary, type Adversary, type Fault, type SimDisk, type SimDiskOptions } from "../src/index.js";
import { bytes, content, durableFile, during, newDisk, paths, reachable } from "./support/sim.js";

const a = (disk: SimDisk): string => content(disk, "/a");
const BLOCK = "AAAAAAAA";

describe("a write past the cache", () => {
  test.each([
    ["begins within a block", bytes(BLOCK), 512],
    ["ends within a block", bytes("B"), 0],
  ])("that %s is refused, and does nothing", async (_name, what, at) => {
    const disk = newDisk();
    const file = await directFile(disk, BLOCK);
    await expect(file.write(what, at)).rejects.toMatchObject({ code: "EINVAL" });
    expect(a(disk)).toBe(BLOCK);
    expect(disk.pending).toEqual([]);
    expect(await file.write(what.subarray(0, 0), 1)).toBe(0);
  });

  test("of whole blocks is durable when it is answered, if it is synced, and else after fdatasync", async () => {
    const disk = newDisk();
    const file = await directFile(disk, BLOCK);
    expect(await file.write(bytes("B".repeat(16)), 0)).toBe(8192);
    expect(reachable(disk, a)).toEqual(["B".repeat(16)]);
    const unsynced = await disk.port().open("/a", { mode: "write", direct: true });
    await unsynced.write(bytes("C".repeat(8)), 8192);
    expect(reachable(disk, a)).toContain("B".repeat(16));
    await unsynced.datasync();
    expect(reachable(disk, a)).toEqual(["B".repeat(16) + "C".repeat(8)]);
  });

  test("reaches no further than the disk has room, and ends with a block", async () => {
    const disk = newDisk({ capacityBytes: 8192 });
    const file = await directFile(disk, BLOCK);
    expect(await file.write(bytes("B".repeat(16)), 4096)).toBe(4096);
    await expect(file.write(bytes(BLOCK), 8192)).rejects.toMatchObject({ code: "ENOSPC" });
  });

  test.each([[512, 8], [4096, 2]] as const)("that is short ends with a sector of %i bytes", async (sectorBytes, sectors) => {
    const asked: number[] = [];
    const adversary = chooses("short write", (count) => {
      asked.push(count);
      return count - 1;
    });
    const disk = newDisk({ sectorBytes, adversary, faults: [{ operation: "dsyncWrite", nth: 2, kind: "short" }] });
    const file = await directFile(disk, "A".repeat((sectors * sectorBytes) / 512));
    expect(await file.write(bytes("B".repeat((sectors * sectorBytes) / 512)), 0)).toBe((sectors - 1) * sectorBytes);
    expect(asked).toEqual([sectors - 1]);
  });
});

describe("power is cut while the last block is written again, with the durable bytes in it", () => {
  /** 100 durable bytes; the append behind them reaches into the third sector. */
  const before = Uint8Array.from({ length: 4096 }, (_, at) => (at < 100 ? 65 : 0));
  const after = Uint8Array.from({ length: 4096 }, (_, at) => (at < 100 ? 65 : at < 1100 ? 66 : 0));
  const sector = (of: Uint8Array, index: number): Uint8Array => of.subarray(index * 512, (index + 1) * 512);

  test.each<SimDiskOptions["profile"]>(["posix", "ordered"])("each sector is old or new, and nothing else (%s)", async (profile) => {
    const disk = newDisk({ profile });
    const file = await directFile(disk, before);
    const states = await during(disk, () => file.write(after, 0), () => reachable(disk, old(before, after)));
    // Sectors 0 to 2 differ. Behind them there are zeros before and after.
    expect(states).toEqual(["NNN", "NNo", "NoN", "Noo", "oNN", "oNo", "ooN", "ooo"].map((it) => it + "=====").sort());
  });

  test("and in the states that are looked at one by one", async () => {
    const disk = newDisk();
    const file = await directFile(disk, before);
    const states = await during(disk, () => file.write(after, 0), () => [...crashStates(disk)].map((state) => old(before, after)(state.disk)));
    expect(new Set(states).size).toBeGreaterThan(1);
    for (const state of states) expect(state).toMatch(/^[oN]{3}={5}$/);
  });

  test("a disk of larger sectors has the old block or the new one", async () => {
    const disk = newDisk({ sectorBytes: 4096 });
    const file = await directFile(disk, before);
    expect(await during(disk, () => file.write(after, 0), () => reachable(disk, old(before, after)))).toEqual(["NNN=====", "ooo====="]);
  });

  test("the durable bytes are there, readable, whatever becomes of the blocks that the file grows by", async () => {
    const disk = newDisk();
    const file = await directFile(disk, before);
    const grown = new Uint8Array(12_288).fill(67);
    grown.set(after);
    const seeds = Array.from({ length: 200 }, (_, seed) => seed);
    const crashed = await during(disk, () => file.write(grown, 0), () => seeds.map((seed) => disk.crash({ kind: "power", chance: seededAdversary(seed) })));
    const sizes = new Set<number>();
    for (const each of crashed) {
      const found = await readAll(each);
      sizes.add(found.byteLength);
      expect(found.subarray(0, 100)).toEqual(before.subarray(0, 100));
      expect(old(before, after)(each).slice(0, 8)).toMatch(/^[oN]{3}={5}$/);
    }
    expect(Math.min(...sizes)).toBe(4096);
    expect(Math.max(...sizes)).toBe(12_288);
    expect(await readAll(disk.crash({ kind: "power" }))).toEqual(grown);
  });

  /** Of each sector: `o`ld, `N`ew, `=` the same in both, `!` neither. */
  function old(one: Uint8Array, other: Uint8Array): (crashed: SimDisk) => string {
    return (crashed) => {
      const found = crashed.files().get("/a") ?? new Uint8Array(0);
      let text = "";
      for (let index = 0; index * 512 < found.byteLength; index += 1) {
        const [isOld, isNew] = [one, other].map((it) => Buffer.compare(sector(it, index), sector(found, index)) === 0);
        text += isOld === true && isNew === true ? "=" : isOld === true ? "o" : isNew === true ? "N" : "!";
      }
      return text;
    };
  }

  async function readAll(disk: SimDisk): Promise<Uint8Array> {
    const file = await disk.port().open("/a", { mode: "read" });
    const buffer = new Uint8Array(20_000);
    return buffer.subarray(0, await file.read(buffer, 0, buffer.byteLength, 0));
  }
});

describe("no cache stands between", () => {
  const written = (fault: Omit<Fault, "operation" | "nth">): Fault => ({ operation: "dsyncWrite", nth: 2, ...fault });

  /** Of a failed write the first sector arrives. */
  const firstSector = chooses("write", (count) => count - 1);

  test("a write that failed shows what the disk has of it, and power loss may take that too", async () => {
    const disk = newDisk({ adversary: firstSector, faults: [written({ kind: "drop" })] });
    const file = await directFile(disk, BLOCK);
    await expect(file.write(bytes("B".repeat(8)), 0)).rejects.toMatchObject({ code: "EIO" });
    expect(a(disk)).toBe("BAAAAAAA");
    // There is nothing in a cache that could leave it.
    disk.evict();
    expect(a(disk)).toBe("BAAAAAAA");
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["AAAAAAAA", "BAAAAAAA"]);
  });

  test("and through the cache such a write is seen as if it had not failed", async () => {
    const disk = newDisk({ adversary: firstSector, faults: [written({ kind: "drop" })] });
    const file = await durableFile(disk, "/a", bytes(BLOCK), { dsync: true });
    await expect(file.write(bytes("B".repeat(8)), 0)).rejects.toMatchObject({ code: "EIO" });
    expect(a(disk)).toBe("BBBBBBBB");
    disk.evict();
    expect(a(disk)).toBe("BAAAAAAA");
  });

  test("a write that failed with nothing on the disk has not made the file longer", async () => {
    const disk = newDisk({ faults: [written({ kind: "drop" })] });
    const file = await directFile(disk, BLOCK);
    await expect(file.write(bytes("B".repeat(8)), 4096)).rejects.toMatchObject({ code: "EIO" });
    expect((await file.stat()).size).toBe(4096);
    expect(reachable(disk, a)).toEqual([BLOCK]);
  });

  test("a write that failed after a part of it ends with a sector, and is not durable", async () => {
    const adversary = chooses("bytes of a failed write", (count) => (count === 8 ? 2 : 0));
    const disk = newDisk({ adversary, faults: [written({ kind: "failPartly" })] });
    const file = await directFile(disk, BLOCK);
    await expect(file.write(bytes("B".repeat(8)), 0)).rejects.toMatchObject({ code: "EIO" });
    expect(a(disk)).toBe("BBAAAAAA");
    expect(reachable(disk, a)).toEqual(["AAAAAAAA", "ABAAAAAA", "BAAAAAAA", "BBAAAAAA"]);
  });

  test("a write that the disk loses, or puts elsewhere, is seen so at once", async () => {
    const lost = newDisk({ faults: [written({ kind: "lost" })] });
    expect(await (await directFile(lost, BLOCK)).write(bytes("B".repeat(8)), 0)).toBe(4096);
    expect(a(lost)).toBe(BLOCK);
    const astray = newDisk({ faults: [written({ kind: "misdirect" })] });
    expect(await (await directFile(astray, BLOCK)).write(bytes("B".repeat(8)), 0)).toBe(4096);
    expect(a(astray)).toBe("ABBBBBBBB");
    expect(reachable(astray, a)).toEqual(["ABBBBBBBB"]);
  });

  test("a block that cannot be read can be written whole, and cannot be read again if that fails", async () => {
    for (const [faults, isReadable] of [[[], true], [[written({ kind: "drop" })], false], [[written({ kind: "lost" })], false]] as const) {
      const disk = newDisk({ faults: [{ operation: "read", nth: 1, kind: "unreadable" }, ...faults] });
      const file = await directFile(disk, BLOCK);
      const reader = await disk.port().open("/a", { mode: "read" });
      const read = (): Promise<number> => reader.read(new Uint8Array(4096), 0, 4096, 0);
      await expect(read()).rejects.toMatchObject({ code: "EIO" });
      await file.write(bytes(BLOCK), 0).catch(() => undefined);
      if (isReadable) expect(await read()).toBe(4096);
      else await expect(read()).rejects.toMatchObject({ code: "EIO" });
    }
  });
});

describe("where nothing can be written past the cache", () => {
  test("opening says so, and has made the file if it was to make it", async () => {
    const disk = newDisk({ directWrites: "refusedAtOpen" });
    await durableFile(disk, "/a", bytes("A"));
    await expect(disk.port().open("/a", { mode: "write", direct: true })).rejects.toMatchObject({ code: "EINVAL" });
    await expect(disk.port().open("/b", { mode: "create", direct: true })).rejects.toMatchObject({ code: "EINVAL" });
    // As Linux does: the name is there before the question is asked.
    expect(paths(disk)).toBe("/a /b");
    expect(reachable(disk, paths, "process")).toEqual(["/a /b"]);
    const cached = await disk.port().open("/a", { mode: "write" });
    expect(await cached.write(bytes("B"), 100)).toBe(512);
    await expect(disk.crash({ kind: "power" }).port().open("/a", { mode: "write", direct: true })).rejects.toMatchObject({ code: "EINVAL" });
  });

  test("or the first write says so, and nothing is written", async () => {
    const disk = newDisk({ directWrites: "refusedAtWrite" });
    await durableFile(disk, "/a", bytes(BLOCK));
    const file = await disk.port().open("/a", { mode: "write", dsync: true, direct: true });
    await expect(file.write(bytes("B".repeat(8)), 0)).rejects.toMatchObject({ code: "EINVAL" });
    expect(a(disk)).toBe(BLOCK);
    expect(disk.pending).toEqual([]);
  });
});

/** An adversary that is mild but for one thing. */
function chooses(label: string, choose: (count: number) => number): Adversary {
  return { choose: (asked, count) => (asked === label ? choose(count) : mildAdversary.choose(asked, count)) };
}

/** A durable file, opened for synced writes past the cache. The first of them has made it what it is. */
async function directFile(disk: SimDisk, held: string | Uint8Array): Promise<FsFile> {
  const port = disk.port();
  await (await port.open("/a", { mode: "create" })).close();
  await port.syncDirectory("/");
  const file = await port.open("/a", { mode: "write", dsync: true, direct: true });
  await file.write(typeof held === "string" ? bytes(held) : held, 0);
  expect(disk.pending).toEqual([]);
  return file;
}
