import { describe, expect, test } from "vitest";
import { mildAdversary, quiet, seededAdversary, SimDisk } from "../src/index.js";
import { bytes, content, during, durableFile, newDisk, paths, put, reachable } from "./support/sim.js";

const a = (disk: SimDisk): string => content(disk, "/a");

describe("a block that is new to a file", () => {
  test("is written whole: around a write it is zeros, or what the block held before", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A".repeat(8)));
    await file.write(bytes("BC"), 4096 + 1024);
    const states = reachable(disk, a);
    expect(states).toContain("AAAAAAAA..BC");
    expect(states, "of the first sector nothing, so nothing before it").toContain("AAAAAAAA???C");
    expect(states, "whole where the write next to it is").not.toContain("AAAAAAAA?.BC");
    await file.datasync();
    expect(reachable(disk, a)).toEqual(["AAAAAAAA..BC"]);
    // Behind the write too, when something else makes the file longer.
    const other = await durableFile(disk, "/b", bytes("A".repeat(8)));
    await other.write(bytes("B"), 4096);
    await other.write(bytes("C"), 8192);
    const longer = reachable(disk, (after) => content(after, "/b"));
    expect(longer).toContain("AAAAAAAA????????C");
    expect(longer).toContain("AAAAAAAAB.......C");
    expect(longer).not.toContain("AAAAAAAAB???????C");
    await other.datasync();
    expect(reachable(disk, (after) => content(after, "/b"))).toEqual(["AAAAAAAAB.......C"]);
  });

  test("has nothing else in it where it was durable before", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("B"), 2048);
    for (const state of reachable(disk, a)) expect(state).toMatch(/^A(:|$|\.+(:|$)|\.\.\.[B.?](:|$))/);
  });
});

describe("the death of a process", () => {
  test("keeps every call that was answered, and what is not durable stays so", async () => {
    const disk = newDisk();
    const file = await put(disk.port(), "/a", bytes("AB"));
    await file.write(bytes("C"), 0);
    await disk.port().link("/a", "/b");
    expect(reachable(disk, (after) => `${paths(after)} ${a(after)}`, "process")).toEqual(["/a /b CB"]);
    const after = disk.crash({ kind: "process" });
    expect(after.pending).toEqual(disk.pending);
    expect(reachable(after, paths)).toContain("nothing");
    await (await after.port().open("/a", { mode: "read" })).datasync();
    await after.port().syncDirectory("/");
    expect(reachable(after, (it) => `${paths(it)} ${a(it)}`)).toEqual(["/a /b CB"]);
  });

  test("stops a write in flight before any of its pages, and does or does not make a name", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A".repeat(24)));
    const pages = ["AAAAAAAA", "BBBBBBBB"];
    const states = await during(disk, () => file.write(bytes("B".repeat(24)), 0), () => reachable(disk, a, "process"));
    const [old = "", fresh = ""] = pages;
    expect(states).toEqual([old + old + old, fresh + old + old, fresh + fresh + old, fresh + fresh + fresh]);
    expect(await during(disk, () => disk.port().mkdir("/d", 0o700), () => reachable(disk, dirs, "process"))).toEqual(["0", "1"]);
    expect(await during(disk, () => file.truncate(512), () => reachable(disk, a, "process"))).toEqual(["B", "B".repeat(24)]);
  });

  test("frees its locks", async () => {
    const disk = newDisk();
    const file = await disk.port().open("/lock", { mode: "lock" });
    expect(await file.tryLock()).toBe(true);
    const after = disk.crash({ kind: "process" });
    const next = await after.port().open("/lock", { mode: "lock" });
    expect(await next.tryLock()).toBe(true);
    // The zombie holds on to it, on the old disk.
    expect(await (await disk.port().open("/lock", { mode: "lock" })).tryLock()).toBe(false);
  });

  test("takes what was removed and still open", async () => {
    const disk = newDisk({ capacityFiles: 1 });
    await durableFile(disk, "/a", bytes("A"));
    await disk.port().unlink("/a");
    await expect(disk.port().mkdir("/d", 0o700)).rejects.toMatchObject({ code: "ENOSPC" });
    await disk.crash({ kind: "process" }).port().mkdir("/d", 0o700);
  });

  test("can come to one process alone", async () => {
    const disk = newDisk();
    const [first, second] = [disk.process(), disk.process()];
    const file = await first.port.open("/a", { mode: "lock", dsync: true });
    expect(await file.tryLock()).toBe(true);
    const other = await second.port.open("/a", { mode: "write" });
    expect(await other.tryLock()).toBe(false);
    let answered = false;
    void file.write(bytes("A"), 0).then(() => {
      answered = true;
    });
    first.kill();
    expect(await other.tryLock()).toBe(true);
    // The system finished the write, and told nobody.
    expect([a(disk), answered, first.isKilled()]).toEqual(["A", false, true]);
    void file.close().then(() => {
      answered = true;
    });
    await second.port.lstat("/a");
    expect(answered).toBe(false);
  });
});

describe("a crash", () => {
  test("makes a new disk, and nothing that the zombie does reaches it", async () => {
    const disk = newDisk();
    const zombie = await durableFile(disk, "/a", bytes("A"), { dsync: true });
    const after = [disk.crash({ kind: "power" }), disk.crash({ kind: "process" })];
    await zombie.write(bytes("Z"), 0);
    await disk.port().rename("/a", "/b");
    await disk.port().syncDirectory("/");
    for (const it of after) expect([paths(it), a(it)]).toEqual(["/a", "A"]);
    for (const it of after) {
      const file = await it.port().open("/a", { mode: "write", dsync: true });
      await file.write(bytes("X"), 0);
      expect(reachable(it, a)).toEqual(["X"]);
    }
    expect(content(disk, "/b")).toBe("Z");
  });

  test("can follow a crash, three deep, at any call of a recovery", async () => {
    // A recovery that appends one sector each time, and says how many it found.
    const recover = async (disk: SimDisk): Promise<void> => {
      const port = disk.port();
      const file = await port.open("/a", { mode: "write", dsync: true });
      const { size } = await file.stat();
      await file.write(bytes("R"), size);
      await file.close();
    };
    const start = newDisk();
    await (await durableFile(start, "/a", bytes("A"))).close();
    const seen = new Set<string>();
    const deeper = async (disk: SimDisk, depth: number): Promise<void> => {
      seen.add(a(disk));
      if (depth === 0) return;
      const crashed: SimDisk[] = [];
      const end = disk.observe(({ phase, changes }) => {
        if (phase !== "called" && changes) for (const name of [false, true]) crashed.push(disk.crash({ kind: "power", survives: () => name }));
      });
      await recover(disk);
      end();
      for (const it of crashed) await deeper(it, depth - 1);
    };
    await deeper(start, 3);
    expect([...seen].sort()).toEqual(["A", "AR", "ARR", "ARRR"]);
    expect(start.stats.crashes).toBeGreaterThan(100);
  });

  test("by its survivors names exactly what is left", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("BCD"), 0);
    await file.truncate(1024);
    await disk.port().link("/a", "/b");
    expect(disk.pending.map(({ kind }) => kind)).toEqual(["entry", "write", "truncate"]);
    expect(disk.pending).toMatchObject([{ names: [{ name: "b", given: true }] }, { offset: 0, length: 1536, sectors: 3, growthBytes: 1024 }, { sizeBytes: 1024 }]);
    const left = (write: boolean, truncate: boolean): string =>
      a(disk.crash({ kind: "power", survives: ({ kind }) => (kind === "write" ? write : kind === "truncate" ? truncate : false) }));
    expect([left(true, true), left(true, false), left(false, false)]).toEqual(["BC", "BCD", "A"]);
    const torn = disk.crash({ kind: "power", survives: ({ kind }) => (kind === "write" ? { sector: (index) => index === 1, growthBytes: 1024, unwritten: "garbage" } : false) });
    expect(a(torn)).toBe("AC?");
  });
});

describe("stopping the world", () => {
  test.each([
    { phase: "called", before: 0, visible: "A", after: ["A"] },
    { phase: "begun", before: 0, visible: "B", after: ["A", "B"] },
    { phase: "done", before: 1, visible: "B", after: ["B"] },
  ] as const)("in a call that is $phase leaves it unanswered, and all that come", async ({ phase, before, visible, after }) => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"), { dsync: true });
    const stopped = disk.stopAt(disk.calls + 2, phase);
    let answered = 0;
    const count = (): void => {
      answered += 1;
    };
    void file.stat().then(count, count);
    void file.write(bytes("B"), 0).then(count, count);
    await stopped;
    void file.stat().then(count, count);
    await quiet();
    expect({ answered, stopped: disk.stopped, calls: disk.calls, visible: a(disk) }).toEqual({ answered: before, stopped: true, calls: 6, visible });
    expect(reachable(disk, a)).toEqual(after);
    expect(await disk.crash({ kind: "process" }).port().lstat("/a")).toMatchObject({ size: 512 });
  });
});

describe("the profile", () => {
  test("kill keeps every answered call when the power is lost", async () => {
    const disk = newDisk({ profile: "kill" });
    await put(disk.port(), "/a", bytes("AB"));
    expect(reachable(disk, a)).toEqual(["AB"]);
    const file = await disk.port().open("/a", { mode: "write" });
    const states = await during(disk, () => file.write(bytes("C".repeat(9)), 0), () => reachable(disk, a));
    expect(states).toEqual(["AB", "C".repeat(8), "C".repeat(9)]);
  });

  test("ordered keeps names as a prefix of their order", async () => {
    const disk = newDisk({ profile: "ordered" });
    for (const path of ["/a", "/b", "/c"]) await disk.port().mkdir(path, 0o700);
    expect(reachable(disk, dirs)).toEqual(["0", "1", "2", "3"]);
    await durableFile(newDisk({ profile: "ordered" }), "/a", bytes("A"));
  });

  test("ordered makes all names before it durable with one, and those of a file with its fsync", async () => {
    const disk = newDisk({ profile: "ordered" });
    const port = disk.port();
    await port.mkdir("/d", 0o700);
    await put(port, "/d/a", bytes("A"));
    const file = await put(port, "/b", bytes("B"));
    await port.mkdir("/e", 0o700);
    await file.datasync();
    expect(reachable(disk, dirs)).toContain("0");
    await file.sync();
    expect(reachable(disk, (after) => `${paths(after)} ${dirs(after)}`)).toEqual(["/b /d/a 1", "/b /d/a 2"]);
  });

  test("ordered never shows a size without its data, but may lose data behind a rename", async () => {
    const disk = newDisk({ profile: "ordered" });
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.write(bytes("BC"), 512);
    await file.write(bytes("DE"), 1536);
    expect(reachable(disk, a)).toEqual(["A", "AB", "ABC", "ABCD", "ABCDE"]);
    await file.write(bytes("X"), 0);
    expect(reachable(disk, a)).toContain("XBC");
    await put(disk.port(), "/t", bytes("T"));
    await disk.port().rename("/t", "/a");
    expect(reachable(disk, a)).toEqual(expect.arrayContaining(["A", "empty", "T"]));
  });

  test("ordered keeps the sizes of a file in their order", async () => {
    const disk = newDisk({ profile: "ordered" });
    const file = await durableFile(disk, "/a", bytes("ABC"));
    await file.truncate(0);
    await file.write(bytes("X"), 0);
    expect(reachable(disk, a)).toEqual(["ABC", "X", "empty"]);
  });

  test("posix allows all that ordered allows, and that allows all that kill allows", async () => {
    const states = async (profile: "posix" | "ordered" | "kill"): Promise<readonly string[]> => {
      const disk = new SimDisk({ profile, adversary: mildAdversary, sectorBytes: 512 });
      const port = disk.port();
      const file = await durableFile(disk, "/a", bytes("AB"));
      await file.write(bytes("XY"), 512);
      await file.truncate(1024);
      await port.mkdir("/d", 0o700);
      await port.rename("/a", "/d/b");
      return reachable(disk, (after) => `${paths(after)} ${a(after)} ${content(after, "/d/b")}`);
    };
    const [posix, ordered, kill] = [await states("posix"), await states("ordered"), await states("kill")];
    expect(ordered.filter((it) => !posix.includes(it))).toEqual([]);
    expect(kill.filter((it) => !ordered.includes(it))).toEqual([]);
    expect([posix.length > ordered.length, ordered.length > kill.length, kill.length]).toEqual([true, true, 1]);
  });
});

test("calls are answered in their order, or in any that the adversary likes", async () => {
  const order = async (maxTurns: number, seed: number): Promise<string> => {
    const disk = newDisk({ maxTurns, adversary: seededAdversary(seed, { temper: "even" }) });
    const port = disk.port();
    const answers: string[] = [];
    await Promise.all(["a", "b", "c"].map(async (name) => {
      await port.mkdir(`/${name}`, 0o700);
      answers.push(name);
    }));
    return answers.join("");
  };
  const orders = new Set<string>();
  for (let seed = 0; seed < 60; seed += 1) {
    expect(await order(1, seed)).toBe("abc");
    orders.add(await order(5, seed));
  }
  expect(orders.size).toBe(6);
});

function dirs(disk: SimDisk): string {
  return String(disk.directories().length);
}
