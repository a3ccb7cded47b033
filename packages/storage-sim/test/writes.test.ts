import { describe, expect, test } from "vitest";
import type { SimDisk, Survival } from "../src/index.js";
import { bytes, content, drawn, durableFile, newDisk, paths, put, reachable } from "./support/sim.js";

const a = (disk: SimDisk): string => content(disk, "/a");

describe("an overwrite", () => {
  test("is seen at once by everybody, and is durable after fdatasync and not before", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B"), 0);
    expect(a(disk)).toBe("B");
    const reader = await disk.port().open("/a", { mode: "read" });
    const buffer = new Uint8Array(512);
    expect(await reader.read(buffer, 0, 512, 0)).toBe(512);
    expect(buffer).toEqual(bytes("B"));
    expect(reachable(disk, a)).toEqual(["A", "B"]);
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["B"]);
  });

  test("is torn at every sector of 512 bytes, in any combination", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("AAA"));
    await file.write(bytes("BBB"), 0);
    expect(reachable(disk, a)).toEqual(["AAA", "AAB", "ABA", "ABB", "BAA", "BAB", "BBA", "BBB"]);
  });

  test("of many sectors is also torn once, at each of them, and not only into shreds", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A".repeat(12)));
    await file.write(bytes("B".repeat(12)), 0);
    const states = drawn(disk, a);
    for (let count = 0; count <= 12; count += 1) expect(states).toContain("B".repeat(count) + "A".repeat(12 - count));
    expect(states.length).toBeGreaterThan(500);
  });

  test("is never torn within a sector of 4096 bytes", async () => {
    const disk = newDisk({ sectorBytes: 4096 });
    const file = await durableFile(disk, "/a", bytes("A".repeat(16)));
    await file.write(bytes("B".repeat(10)), 0);
    const [old, half] = ["A".repeat(16), "B".repeat(10) + "A".repeat(6)];
    expect(reachable(disk, a)).toEqual([old, "A".repeat(8) + "BBAAAAAA", "B".repeat(8) + "A".repeat(8), half].sort());
  });

  test("of part of a sector takes the sector's other bytes with it as the cache has them", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B", 100), 0);
    await file.write(bytes("C", 100), 100);
    const counted = reachable(disk, (after) => {
      const found = [...(after.files().get("/a") ?? [])];
      return ["A", "B", "C"].map((letter) => `${found.filter((it) => it === letter.charCodeAt(0)).length}${letter}`).join(" ");
    });
    // Never C without B: a sector is written as a whole.
    expect(counted).toEqual(["312A 100B 100C", "412A 100B 0C", "512A 0B 0C"]);
  });

  test("is not ordered after an earlier one, of the same file or of another", async () => {
    const disk = newDisk();
    const first = await durableFile(disk, "/a", bytes("AA"));
    const second = await durableFile(disk, "/b", bytes("A"));
    await first.write(bytes("B"), 0);
    await first.write(bytes("C"), 512);
    await second.write(bytes("D"), 0);
    const states = reachable(disk, (after) => `${content(after, "/a")} ${content(after, "/b")}`);
    expect(states).toEqual(["AA A", "AA D", "AC A", "AC D", "BA A", "BA D", "BC A", "BC D"]);
    await first.datasync();
    expect(reachable(disk, (after) => `${content(after, "/a")} ${content(after, "/b")}`)).toEqual(["BC A", "BC D"]);
  });

  test("of a sector that was overwritten before leaves any version of it", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    for (const letter of "BCD") await file.write(bytes(letter), 0);
    expect(reachable(disk, a)).toEqual(["A", "B", "C", "D"]);
  });
});

describe("an append", () => {
  test("leaves nothing, zeros, nonsense, a part, a part of the size, or all of it", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("BB", 512), 512);
    const states = new Set(drawn(disk, a, 20_000));
    const whole = ["A", "A..", "A??", "AB.", "AB?", "A.B", "A?B", "ABB"];
    expect(whole.filter((it) => !states.has(it))).toEqual([]);
    // Cut anywhere: there are 1025 sizes, and samples find most of them.
    const sizes = new Set([...states].map((it) => Number(it.split(":")[1] ?? it.length * 512)));
    expect(sizes.size).toBeGreaterThan(900);
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["ABB"]);
  });

  test("is never followed by bytes behind its size", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", new Uint8Array(0));
    await file.write(bytes("B", 10), 0);
    const cut = disk.crash({ kind: "power", survives: () => ({ sector: () => true, growthBytes: 4 }) });
    expect(a(cut)).toBe("B:4");
    const again = await cut.port().open("/a", { mode: "write" });
    await again.truncate(8);
    expect(cut.files().get("/a")).toEqual(new Uint8Array([66, 66, 66, 66, 0, 0, 0, 0]));
  });

  test("may be there when an earlier one is a hole", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", new Uint8Array(0));
    await file.write(bytes("A"), 0);
    await file.write(bytes("B"), 512);
    const states = drawn(disk, a);
    for (const state of ["empty", "A", "AB", ".B", "?B", "A.", "A?"]) expect(states).toContain(state);
  });

  test("beyond the end leaves a hole of zeros, never nonsense", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", new Uint8Array(0));
    await file.write(bytes("B", 1), 8192);
    for (const state of reachable(disk, a)) expect(state).toMatch(/^(empty|\.{1,16}(:\d+)?|\.{16}[B.?]:8193)$/);
  });

  test("may show what a removed file held", async () => {
    const disk = newDisk();
    const port = disk.port();
    const old = await durableFile(disk, "/old", bytes("RSTUVWXYZ"));
    await old.close();
    await port.unlink("/old");
    await port.syncDirectory("/");
    const file = await durableFile(disk, "/a", bytes("A".repeat(8)));
    await file.write(bytes("BB"), 4096);
    // The same place of the removed file.
    expect(reachable(disk, a)).toContain("AAAAAAAAZ.");
  });

  test("may show what the same file held before it was cut", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("RST"));
    await file.truncate(0);
    await file.sync();
    await file.write(bytes("BB"), 0);
    const states = reachable(disk, a);
    expect(states).toContain("RS");
    expect(states).toContain("BS");
  });
});

describe("nonsense in a block that a write was given and did not reach", () => {
  const nonsense = (growthBytes: number): Survival => ({ sector: () => false, growthBytes, unwritten: "garbage" });
  const after = (disk: SimDisk, survivals: readonly Survival[]): string => {
    const left = new Map(disk.pending.map(({ id }, index) => [id, survivals[index] ?? true]));
    return a(disk.crash({ kind: "power", survives: ({ id }) => left.get(id) ?? false }));
  };

  test("gives way to the sectors of a later write that are there", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", new Uint8Array(0));
    await file.write(bytes("AA"), 0);
    await file.write(bytes("BB"), 0);
    expect(after(disk, [nonsense(1024), { sector: (index) => index === 1, growthBytes: 0 }])).toBe("?B");
  });

  test("is cut off by a truncate, and does not come back when the file is made longer", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("BB"), 512);
    await file.truncate(1024);
    await file.truncate(1536);
    expect(after(disk, [nonsense(1024)])).toBe("A?.");
  });

  test("may be what a file held that the crash before took away", async () => {
    const disk = newDisk();
    await put(disk.port(), "/lost", bytes("RS"));
    const next = disk.crash({ kind: "power" });
    expect(paths(next)).toBe("nothing");
    const file = await durableFile(next, "/a", new Uint8Array(0));
    await file.write(bytes("B"), 0);
    expect(reachable(next, a)).toContain("R");
  });
});

describe("what was never made durable", () => {
  test("is gone altogether, or there in any part", async () => {
    const disk = newDisk({ sectorBytes: 4096 });
    await put(disk.port(), "/a", bytes("A"));
    const states = reachable(disk, (after) => `${paths(after)} ${a(after)}`);
    expect(states).toEqual(expect.arrayContaining(["nothing absent", "/a empty", "/a A", "/a .", "/a ?"]));
  });
});
