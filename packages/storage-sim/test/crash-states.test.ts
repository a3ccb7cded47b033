import { describe, expect, test } from "vitest";
import { crashStates, type SimDisk, type SimDiskOptions } from "../src/index.js";
import { bytes, content, durableFile, newDisk, paths, put, reachable } from "./support/sim.js";

const a = (disk: SimDisk): string => content(disk, "/a");
const all = (disk: SimDisk, describe: (after: SimDisk) => string): readonly string[] =>
  [...new Set([...crashStates(disk)].map((state) => describe(state.disk)))].sort();

describe("few pieces", () => {
  test.each<Partial<SimDiskOptions>>([{}, { sectorBytes: 4096 }])("are tried in every combination (%o)", async (options) => {
    const disk = newDisk(options);
    const file = await durableFile(disk, "/a", bytes("AAAA"));
    await file.write(bytes("BBB"), 0);
    await file.write(bytes("C"), 512);
    await disk.port().link("/a", "/b");
    await disk.port().unlink("/a");
    const both = (after: SimDisk): string => `${a(after)} ${content(after, "/b")}`;
    expect(all(disk, both)).toEqual(reachable(disk, both));
  });

  test("with what is found where nothing was written, and cut sizes", async () => {
    const disk = newDisk();
    const old = await durableFile(disk, "/old", bytes("R"));
    await old.close();
    await disk.port().unlink("/old");
    await disk.port().syncDirectory("/");
    const file = await durableFile(disk, "/a", new Uint8Array(0));
    await file.write(bytes("BB"), 0);
    const states = all(disk, a);
    for (const state of ["empty", "BB", "B.", "B?", ".B", "?B", "..", "RB", "B:1", "BB:1023"]) expect(states).toContain(state);
  });

  test("with a cut that is not done and has zeroed the rest of its block", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A".repeat(10)));
    await file.truncate(1024);
    expect(all(disk, a)).toEqual(["AA", "AA......AA", "AAAAAAAAAA"]);
    await file.truncate(0);
    expect([...crashStates(disk)].map(({ name }) => name)).toEqual(["subset 00", "subset 01", "subset 10", "subset 11", "cut 1 zeroed"]);
  });

  test("with as many names as are asked for", async () => {
    const disk = newDisk();
    for (let index = 0; index < 4; index += 1) await (await disk.port().open(`/${index}`, { mode: "create" })).close();
    expect([...crashStates(disk)].map(({ name }) => name)).toHaveLength(16);
    expect([...crashStates(disk, { exhaustUpTo: 3, samples: 5 })].map(({ name }) => name)).toEqual([
      "nothing",
      "everything",
      "without 1", "only 1",
      "first 1", "without 2", "only 2",
      "first 2", "without 3", "only 3",
      "first 3", "without 4", "only 4",
      "sample 0", "sample 1", "sample 2", "sample 3", "sample 4",
    ]);
  });
});

describe("many pieces", () => {
  test("leave nothing, everything, prefixes, all but one, one alone, the last write torn at each sector, and samples", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A".repeat(20)));
    for (let index = 0; index < 12; index += 1) await file.write(bytes("BCDEFGHIJKLM"[index] ?? ""), index * 512);
    await file.write(bytes("XYZ"), 512 * 19);
    const states = all(disk, a);
    const base = "A".repeat(20);
    const written = "BCDEFGHIJKLMAAAAAAA";
    for (const state of [
      base,
      `${written}XYZ`,
      `BCD${base.slice(3)}`,
      `BCDAFGHIJKLM${"A".repeat(7)}XYZ`,
      `AAAE${base.slice(4)}`,
      `${written}A`,
      `${written}A..`,
      `${written}A??`,
      `${written}XY.`,
      `${written}XY?`,
      `${written}XYZ`,
      `${written}XY:10241`,
    ]) expect(states).toContain(state);
    expect(states.length).toBeGreaterThan(200);
    const [first, second] = [[...crashStates(disk, { seed: 1 })], [...crashStates(disk, { seed: 1 })]];
    expect(first.map((it) => a(it.disk))).toEqual(second.map((it) => a(it.disk)));
    expect([...crashStates(disk, { seed: 2 })].map((it) => a(it.disk))).not.toEqual(first.map((it) => a(it.disk)));
  });

  test("are made one by one, and leave the disk alone", async () => {
    const disk = newDisk();
    await put(disk.port(), "/a", bytes("A".repeat(2000)));
    const states = crashStates(disk);
    const { value } = states.next();
    expect(disk.stats.crashes).toBe(1);
    expect(value?.name).toBe("nothing");
    await value?.disk.port().mkdir("/d", 0o700);
    expect(paths(disk)).toBe("/a");
    expect(disk.pending).toHaveLength(2);
  });
});

describe("the other profiles", () => {
  test.each(["ordered", "kill"] as const)("%s: every state it allows", async (profile) => {
    const disk = newDisk({ profile });
    const file = await durableFile(disk, "/a", bytes("AA"));
    await file.write(bytes("BBBB"), 0);
    await disk.port().link("/a", "/b");
    const both = (after: SimDisk): string => `${a(after)} ${content(after, "/b")}`;
    expect(all(disk, both)).toEqual(reachable(disk, both));
  });

  test("with too many states: the simplest of them, and samples", async () => {
    const disk = newDisk({ profile: "ordered" });
    const file = await durableFile(disk, "/a", bytes("A".repeat(16)));
    for (let index = 0; index < 16; index += 1) await file.write(bytes("B"), index * 512);
    expect([...crashStates(disk)].map(({ name }) => name)).toHaveLength(1024 + 256);
    expect(all(disk, a)).toContain("B".repeat(16));
  });
});
