import { describe, expect, test } from "vitest";
import { formatPlan, seededAdversary, type FaultKind, type SimDisk } from "../src/index.js";
import { bytes, content, durableFile, newDisk, reachable } from "./support/sim.js";

async function read(disk: SimDisk, path: string, length: number, at = 0): Promise<Uint8Array> {
  const file = await disk.port().open(path, { mode: "read" });
  const buffer = new Uint8Array(length);
  const count = await file.read(buffer, 0, length, at);
  await file.close();
  return buffer.subarray(0, count);
}

async function harmed(kind: FaultKind, seed: number): Promise<SimDisk> {
  const disk = newDisk({ adversary: seededAdversary(seed, { temper: "even" }), faults: [{ operation: "read", nth: 1, kind }] });
  await durableFile(disk, "/a", bytes("ABCD"));
  return disk;
}

function wrongBits(found: Uint8Array): number {
  let count = 0;
  for (const [at, byte] of bytes("ABCD").entries()) for (let bits = byte ^ (found[at] ?? 0); bits > 0; bits >>= 1) count += bits & 1;
  return count;
}

describe("what is read", () => {
  test("has one wrong bit, once", async () => {
    const places = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      const disk = await harmed("flip", seed);
      const found = await read(disk, "/a", 2048);
      expect(wrongBits(found)).toBe(1);
      places.add(found.findIndex((byte, at) => byte !== bytes("ABCD")[at]));
      expect(await read(disk, "/a", 2048)).toEqual(bytes("ABCD"));
    }
    expect(places.size).toBeGreaterThan(10);
  });

  test("has one wrong bit for ever, after a crash too", async () => {
    const disk = await harmed("rot", 1);
    const found = await read(disk, "/a", 2048);
    expect(wrongBits(found)).toBe(1);
    expect(await read(disk, "/a", 2048)).toEqual(found);
    expect(disk.crash({ kind: "power" }).files().get("/a")).toEqual(found);
  });

  test("has a sector of zeros, for ever", async () => {
    const states = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const disk = await harmed("zero", seed);
      await read(disk, "/a", 2048);
      states.add(content(disk, "/a"));
      expect(content(disk.crash({ kind: "power" }), "/a")).toBe(content(disk, "/a"));
    }
    expect([...states].sort()).toEqual([".BCD", "A.CD", "AB.D", "ABC."]);
  });

  test("comes from another place, this time", async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const disk = await harmed("misdirect", seed);
      const found = await read(disk, "/a", 512, 512);
      expect(["A", "C", "D"].map((letter) => bytes(letter))).toContainEqual(found);
      expect(await read(disk, "/a", 512, 512)).toEqual(bytes("B"));
    }
  });

  test("is less than was asked for", async () => {
    const disk = await harmed("short", 3);
    const found = await read(disk, "/a", 2048);
    expect(found.byteLength).toBeGreaterThan(0);
    expect(found.byteLength).toBeLessThan(2048);
    expect(found).toEqual(bytes("ABCD").subarray(0, found.byteLength));
    expect(await read(disk, "/a", 2048)).toEqual(bytes("ABCD"));
  });

  test("cannot be read this time, or for a while", async () => {
    const disk = newDisk({ faults: [{ operation: "read", nth: 2, times: 2, kind: "fail", code: "EIO" }] });
    await durableFile(disk, "/a", bytes("A"));
    expect(await read(disk, "/a", 512)).toEqual(bytes("A"));
    for (let attempt = 0; attempt < 2; attempt += 1) await expect(read(disk, "/a", 512)).rejects.toMatchObject({ code: "EIO" });
    expect(await read(disk, "/a", 512)).toEqual(bytes("A"));
  });

  test("cannot be read in one sector until that is written to the disk: the cache alone does not heal it", async () => {
    const disk = newDisk({ faults: [{ operation: "read", nth: 1, kind: "unreadable" }] });
    const file = await durableFile(disk, "/a", bytes("ABCD"));
    await expect(read(disk, "/a", 2048)).rejects.toMatchObject({ code: "EIO" });
    await file.write(bytes("X"), 0);
    expect(await read(disk, "/a", 512), "from the cache").toEqual(bytes("X"));
    expect(await read(disk.crash({ kind: "process" }), "/a", 512), "which outlives a process").toEqual(bytes("X"));
    await expect(read(disk.crash({ kind: "power", survives: () => false }), "/a", 512)).rejects.toMatchObject({ code: "EIO" });
    expect(await read(disk.crash({ kind: "power", survives: () => true }), "/a", 512)).toEqual(bytes("X"));
    await file.datasync();
    const after = disk.crash({ kind: "power", survives: () => false });
    expect(await read(after, "/a", 2048)).toEqual(bytes("XBCD"));
  });

  test("is not healed by a write that the disk threw away", async () => {
    for (const kind of ["lost", "drop"] as const) {
      const operation = kind === "lost" ? "write" : "datasync";
      const disk = newDisk({ faults: [{ operation: "read", nth: 1, kind: "unreadable" }] });
      const file = await durableFile(disk, "/a", bytes("AB"));
      await expect(read(disk, "/a", 1024)).rejects.toMatchObject({ code: "EIO" });
      disk.addFault({ operation, nth: 1, kind });
      await file.write(bytes("X"), 0);
      await file.datasync().catch(() => undefined);
      for (const it of [disk, disk.crash({ kind: "process" })]) {
        it.evict();
        await expect(read(it, "/a", 512), kind).rejects.toMatchObject({ code: "EIO" });
      }
      await expect(read(disk.crash({ kind: "power" }), "/a", 512), kind).rejects.toMatchObject({ code: "EIO" });
    }
  });

  test("cannot be written to in part where its sector cannot be read", async () => {
    const disk = newDisk({ faults: [{ operation: "read", nth: 1, kind: "unreadable" }] });
    const file = await durableFile(disk, "/a", bytes("A"));
    const longer = await disk.port().open("/a", { mode: "write" });
    await expect(read(disk, "/a", 512)).rejects.toMatchObject({ code: "EIO" });
    for (const [offset, length] of [[0, 511], [1, 511], [100, 1], [511, 600]] as const) {
      await expect(file.write(new Uint8Array(length), offset), `${length} at ${offset}`).rejects.toMatchObject({ code: "EIO" });
    }
    expect(content(disk, "/a")).toBe("A");
    expect(disk.pending, "nothing of it was done").toEqual([]);
    await longer.write(bytes("B"), 512);
    await file.write(bytes("XY", 300), 0);
    expect(await read(disk, "/a", 600)).toEqual(bytes("XY", 300));
  });

  test("cannot be read in one sector until that is written, after a crash too", async () => {
    const disk = newDisk({ faults: [{ operation: "read", nth: 1, kind: "unreadable" }] });
    const file = await durableFile(disk, "/a", bytes("ABCD"));
    await expect(read(disk, "/a", 2048)).rejects.toMatchObject({ code: "EIO" });
    for (const again of [disk, disk.crash({ kind: "power" }), disk.crash({ kind: "process" })]) {
      await expect(read(again, "/a", 1, 511)).rejects.toMatchObject({ code: "EIO" });
      expect(await read(again, "/a", 1536, 512)).toEqual(bytes("BCD"));
    }
    await file.write(bytes("X"), 0);
    expect(await read(disk, "/a", 2048)).toEqual(bytes("XBCD"));
  });
});

describe("what is written", () => {
  test("is lost although it was acknowledged, and only the cache shows it", async () => {
    const disk = newDisk({ faults: [{ operation: "dsyncWrite", path: "/b", nth: 1, kind: "lost" }] });
    await (await durableFile(disk, "/b", bytes("AB"))).close();
    const file = await disk.port().open("/b", { mode: "write", dsync: true });
    await file.write(bytes("X"), 0);
    await file.write(bytes("Y"), 512);
    await file.sync();
    expect(content(disk, "/b")).toBe("XY");
    expect(reachable(disk, (after) => content(after, "/b"))).toEqual(["AY"]);
    disk.evict();
    expect(content(disk, "/b")).toBe("AY");
  });

  test("lands at another place, and not where it belongs", async () => {
    const states = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const adversary = seededAdversary(seed, { temper: "even" });
      const disk = newDisk({ adversary, faults: [{ operation: "write", nth: 2, kind: "misdirect" }] });
      const file = await durableFile(disk, "/a", bytes("ABC"));
      await file.write(bytes("X"), 512);
      expect(content(disk, "/a")).toBe("AXC");
      await file.sync();
      for (const state of reachable(disk, (after) => content(after, "/a"))) states.add(state);
    }
    expect([...states].sort()).toEqual(["ABX", "XBC"]);
  });

  test("is shortened, and the caller is told", async () => {
    const disk = newDisk({ adversary: seededAdversary(5, { temper: "even" }), faults: [{ operation: "write", nth: 2, kind: "short" }] });
    const file = await durableFile(disk, "/a", bytes("A"));
    const count = await file.write(bytes("BBBB"), 0);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(2048);
    expect(disk.files().get("/a")?.subarray(0, count)).toEqual(bytes("BBBB").subarray(0, count));
    expect(disk.files().get("/a")?.byteLength).toBe(Math.max(512, count));
  });

  test("fails and leaves a prefix", async () => {
    const disk = newDisk({ adversary: seededAdversary(7, { temper: "even" }), faults: [{ operation: "write", nth: 2, kind: "failPartly", code: "ENOSPC" }] });
    const file = await durableFile(disk, "/a", bytes("A"));
    await expect(file.write(bytes("BBBB"), 512)).rejects.toMatchObject({ code: "ENOSPC" });
    const size = disk.files().get("/a")?.byteLength ?? 0;
    expect(size).toBeGreaterThan(512);
    expect(size).toBeLessThan(2560);
  });

  test("is changed behind everybody's back", async () => {
    const disk = newDisk();
    await durableFile(disk, "/a", bytes("AB"));
    disk.poke("/a", 512, bytes("X"));
    expect(await read(disk, "/a", 1024)).toEqual(bytes("AX"));
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["AX"]);
    expect(() => {
      disk.poke("/", 0, bytes("X"));
    }).toThrow("EISDIR");
  });
});

describe("a plan", () => {
  test("hits the calls it names, on the paths it names, and counts what it hit", async () => {
    const disk = newDisk({
      faults: [
        { operation: "write", path: "*.log", nth: 2, times: 2, kind: "fail", code: "EDQUOT" },
        { operation: "close", nth: 1, kind: "fail", code: "EINTR" },
      ],
    });
    const port = disk.port();
    const [log, other] = [await port.open("/a.log", { mode: "create" }), await port.open("/a.txt", { mode: "create" })];
    const answers: string[] = [];
    for (const file of [log, other, log, other, log, log]) {
      answers.push(await file.write(bytes("A"), 0).then(String, (error: unknown) => (error as { code: string }).code));
    }
    expect(answers).toEqual(["512", "512", "EDQUOT", "512", "EDQUOT", "512"]);
    await expect(log.close()).rejects.toMatchObject({ code: "EINTR" });
    expect(Object.fromEntries(disk.stats.faults)).toEqual({ "fail write": 2, "fail close": 1 });
    expect(disk.stats.operations.get("write")).toBe(6);
  });

  test("goes on behind a crash where it was, and ends when the disk is healed", async () => {
    const disk = newDisk({ faults: [{ operation: "mkdir", nth: 2, times: Infinity, kind: "fail", code: "ENOSPC" }] });
    await disk.port().mkdir("/a", 0o700);
    const after = disk.crash({ kind: "power" });
    await expect(after.port().mkdir("/b", 0o700)).rejects.toMatchObject({ code: "ENOSPC" });
    await expect(disk.port().mkdir("/b", 0o700)).rejects.toMatchObject({ code: "ENOSPC" });
    after.heal();
    await after.port().mkdir("/b", 0o700);
    await expect(disk.port().mkdir("/b", 0o700)).rejects.toMatchObject({ code: "ENOSPC" });
  });

  test("can evict before a call", async () => {
    const disk = newDisk({ faults: [{ operation: "datasync", nth: 1, kind: "drop" }, { operation: "read", nth: 2, kind: "evict" }] });
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B"), 0);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    expect(await read(disk, "/a", 512)).toEqual(bytes("B"));
    expect(await read(disk, "/a", 512)).toEqual(bytes("A"));
  });

  test("can fail every call, and do it before or after the call is done", async () => {
    const disk = newDisk();
    await durableFile(disk, "/a", bytes("A"));
    const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["open", () => disk.port().open("/b", { mode: "create" })],
      ["mkdir", () => disk.port().mkdir("/d", 0o700)],
      ["link", () => disk.port().link("/a", "/c")],
      ["unlink", () => disk.port().unlink("/a")],
      ["lstat", () => disk.port().lstat("/")],
      ["realpath", () => disk.port().realpath("/")],
      ["fileSystem", () => disk.port().fileSystem("/")],
      ["readdir", () => disk.port().readdir("/")],
      ["syncDirectory", () => disk.port().syncDirectory("/")],
    ];
    for (const [operation, call] of calls) {
      const before = disk.crash({ kind: "process" });
      disk.addFault({ operation: "*", nth: 1, kind: "fail", code: "ENFILE" });
      await expect(call(), operation).rejects.toMatchObject({ code: "ENFILE" });
      expect(disk.files(), operation).toEqual(before.files());
      disk.heal();
    }
    disk.addFault({ operation: "*", nth: 1, kind: "failAfter", code: "EIO" });
    await expect(disk.port().open("/b", { mode: "create" })).rejects.toMatchObject({ code: "EIO" });
    expect([...disk.files().keys()].sort()).toEqual(["/a", "/b"]);
  });

  test("that cannot happen is refused", () => {
    for (const fault of [
      { operation: "mkdir", nth: 1, kind: "short" },
      { operation: "read", nth: 0, kind: "flip" },
      { operation: "read", nth: 1, times: 0.5, kind: "flip" },
      { operation: "read", nth: 1, kind: "fail", code: "oops" },
      { operation: "read", nth: 1, kind: "fail", path: "" },
    ] as const) {
      expect(() => newDisk({ faults: [fault] }), formatPlan([])).toThrow(RangeError);
    }
  });
});
