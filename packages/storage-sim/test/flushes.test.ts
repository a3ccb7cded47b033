import { describe, expect, test } from "vitest";
import { seededAdversary, type Survival } from "../src/index.js";
import { bytes, content, during, durableFile, newDisk, put, reachable } from "./support/sim.js";

const a = (disk: Parameters<typeof content>[0]): string => content(disk, "/a");

describe("fdatasync", () => {
  test("pins data and size of its file, and not its name", async () => {
    const disk = newDisk();
    const file = await put(disk.port(), "/a", bytes("AB"));
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["AB", "absent"]);
    await disk.port().syncDirectory("/");
    expect(reachable(disk, a)).toEqual(["AB"]);
  });

  test("pins what was written before it began", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("AA"));
    await file.write(bytes("B"), 0);
    const flushed = file.datasync();
    const written = file.write(bytes("C"), 512);
    await Promise.all([flushed, written]);
    expect(reachable(disk, a)).toEqual(["BA", "BC"]);
  });

  test("that is not answered has pinned nothing", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B"), 0);
    expect(await during(disk, () => file.datasync(), () => reachable(disk, a))).toEqual(["A", "B"]);
    expect(reachable(disk, a)).toEqual(["B"]);
  });
});

describe("a write with O_DSYNC", () => {
  test("is seen before it is answered, and torn only until then", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("AA"), { dsync: true });
    const seen = await during(disk, () => file.write(bytes("BB"), 0), () => [a(disk), ...reachable(disk, a)]);
    expect(seen).toEqual(["BB", "AA", "AB", "BA", "BB"]);
    expect(reachable(disk, a)).toEqual(["BB"]);
  });

  test("pins its own range, and nothing earlier in the file", async () => {
    const disk = newDisk();
    const plain = await durableFile(disk, "/a", bytes("AAA"));
    const synced = await disk.port().open("/a", { mode: "write", dsync: true });
    await plain.write(bytes("B"), 0);
    await synced.write(bytes("C"), 1024);
    expect(reachable(disk, a)).toEqual(["AAC", "BAC"]);
  });

  test("pins the size that is needed to read it, over a hole that another write left", async () => {
    const disk = newDisk({ sectorBytes: 4096 });
    const plain = await durableFile(disk, "/a", new Uint8Array(0));
    const synced = await disk.port().open("/a", { mode: "write", dsync: true });
    await plain.write(bytes("A".repeat(8)), 0);
    await synced.write(bytes("B"), 4096);
    const states = reachable(disk, a);
    expect(states).toEqual(["........B", "????????B", "AAAAAAAAB"]);
  });

  test("wins over earlier writes to the same sector, whatever becomes of them", async () => {
    const disk = newDisk();
    const plain = await durableFile(disk, "/a", bytes("A"));
    const synced = await disk.port().open("/a", { mode: "write", dsync: true });
    await plain.write(bytes("B"), 0);
    await synced.write(bytes("C"), 0);
    expect(reachable(disk, a)).toEqual(["C"]);
  });

  test("wins over nonsense in a block that an earlier write was given and did not reach", async () => {
    const disk = newDisk();
    const plain = await durableFile(disk, "/a", new Uint8Array(0));
    const synced = await disk.port().open("/a", { mode: "write", dsync: true });
    await plain.write(bytes("A"), 0);
    await synced.write(bytes("B"), 0);
    expect(reachable(disk, a)).toEqual(["B"]);
    await plain.write(bytes("CD"), 512);
    await plain.write(bytes("E"), 512);
    const last = disk.pending.at(-1)?.id;
    const survives = ({ id }: { readonly id: number }): Survival => id === last || { sector: () => false, growthBytes: 1024, unwritten: "garbage" };
    expect(a(disk.crash({ kind: "power", survives }))).toBe("BE?");
  });

  test("does not pin the name", async () => {
    const disk = newDisk();
    const file = await disk.port().open("/a", { mode: "create", dsync: true });
    await file.write(bytes("A"), 0);
    expect(reachable(disk, a)).toEqual(["A", "absent"]);
  });

  test("is refused where the system does not have it", async () => {
    const disk = newDisk({ appendMode: "write-then-sync" });
    expect(disk.port().appendMode()).toBe("write-then-sync");
    await expect(disk.port().open("/a", { mode: "create", dsync: true })).rejects.toMatchObject({ code: "ENOTSUP" });
  });
});

describe("a flush that fails", () => {
  test("leaves any part, shows all of it, and a second one answers ok without a difference", async () => {
    const disk = newDisk({ faults: [{ operation: "datasync", nth: 1, kind: "drop", code: "EIO" }] });
    const file = await durableFile(disk, "/a", bytes("AA"));
    await file.write(bytes("BB"), 0);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    await file.datasync();
    await file.sync();
    expect(a(disk)).toBe("BB");
    expect(reachable(disk, a)).toEqual(["AA", "AB", "BA", "BB"]);
  });

  test("does not harm what is written anew", async () => {
    const disk = newDisk({ faults: [{ operation: "datasync", nth: 1, kind: "drop" }] });
    const file = await durableFile(disk, "/a", bytes("AA"));
    await file.write(bytes("BB"), 0);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    await file.write(bytes("C"), 0);
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["CA", "CB"]);
  });

  test("is gone from sight when the pages leave the cache, and then for good", async () => {
    const disk = newDisk({ faults: [{ operation: "datasync", nth: 1, kind: "drop" }] });
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B"), 0);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    disk.evict();
    // The mild adversary has let nothing survive.
    expect(a(disk)).toBe("A");
    expect(reachable(disk, a)).toEqual(["A"]);
  });

  test("leaves any part when the pages leave the cache, which then is durable: of data, of a size, of a truncate", async () => {
    const states = { overwrite: new Set<string>(), append: new Set<string>(), truncate: new Set<string>() };
    for (let seed = 0; seed < 200; seed += 1) {
      for (const [name, found] of Object.entries(states)) {
        const disk = newDisk({ adversary: seededAdversary(seed, { temper: "even" }), faults: [{ operation: "datasync", nth: 1, kind: "drop" }] });
        const file = await durableFile(disk, "/a", bytes("AA"));
        if (name === "truncate") await file.truncate(512);
        else await file.write(bytes("BB"), name === "append" ? 1024 : 0);
        await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
        disk.evict();
        expect(reachable(disk, a)).toEqual([a(disk)]);
        found.add(a(disk).replace(/.:\d+$/, "~"));
      }
    }
    expect([...states.overwrite].sort()).toEqual(["AA", "AB", "BA", "BB"]);
    expect([...states.append]).toEqual(expect.arrayContaining(["AA", "AAB.", "AA.B", "AABB", "AA..", "AAB~", "AA~"]));
    expect([...states.truncate].sort()).toEqual(["A", "AA"]);
  });

  test("in a write with O_DSYNC: any part, all of it in sight, and a later sync answers ok", async () => {
    const disk = newDisk({ faults: [{ operation: "dsyncWrite", nth: 1, kind: "drop" }] });
    const file = await durableFile(disk, "/b", bytes("A"));
    await file.close();
    const synced = await disk.port().open("/b", { mode: "write", dsync: true });
    await expect(synced.write(bytes("BB"), 0)).rejects.toMatchObject({ code: "EIO" });
    await synced.datasync();
    expect(content(disk, "/b")).toBe("BB");
    expect(reachable(disk, (after) => content(after, "/b").slice(0, 1))).toEqual(["A", "B"]);
  });

  test("of a directory: a later one answers ok, and the names may still be lost", async () => {
    const disk = newDisk({ faults: [{ operation: "syncDirectory", nth: 1, kind: "drop" }] });
    const port = disk.port();
    const file = await put(port, "/a", bytes("A"));
    await file.sync();
    await expect(port.syncDirectory("/")).rejects.toMatchObject({ code: "EIO" });
    await port.syncDirectory("/");
    expect(reachable(disk, a)).toEqual(["A", "absent"]);
  });
});

describe("a disk that lies", () => {
  test.each(["sync", "datasync"] as const)("answers a %s ok and has done nothing", async (operation) => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    disk.addFault({ operation, nth: 1, times: Infinity, kind: "lie" });
    await file.write(bytes("B"), 0);
    await file[operation]();
    expect(reachable(disk, a)).toEqual(["A", "B"]);
    disk.heal();
    await file[operation]();
    expect(reachable(disk, a)).toEqual(["B"]);
  });

  test("answers a write with O_DSYNC and a sync of a directory ok", async () => {
    const disk = newDisk({ faults: [{ operation: "*", nth: 1, times: Infinity, kind: "lie" }] });
    const port = disk.port();
    const file = await port.open("/a", { mode: "create", dsync: true });
    await file.write(bytes("A"), 0);
    await port.syncDirectory("/");
    expect(reachable(disk, a)).toEqual(expect.arrayContaining(["absent", "empty", "A"]));
  });
});
