import { describe, expect, test } from "vitest";
import { bytes, content, during, durableFile, newDisk, paths, put, reachable } from "./support/sim.js";

describe("a name that was given", () => {
  test("is lost until its directory is synced, although the file was", async () => {
    const disk = newDisk();
    const file = await put(disk.port(), "/a", bytes("A"));
    await file.sync();
    expect(reachable(disk, paths)).toEqual(["/a", "nothing"]);
    await disk.port().syncDirectory("/");
    expect(reachable(disk, paths)).toEqual(["/a"]);
  });

  test("is not made durable by a sync of another directory", async () => {
    const disk = newDisk();
    const port = disk.port();
    await port.mkdir("/d", 0o700);
    await port.mkdir("/e", 0o700);
    await port.syncDirectory("/");
    await put(port, "/d/a", bytes("A"));
    await port.syncDirectory("/e");
    await port.syncDirectory("/");
    expect(reachable(disk, paths)).toContain("nothing");
  });

  test("survives or not on its own, whatever else was done before and after", async () => {
    const disk = newDisk();
    for (const path of ["/a", "/b"]) await (await put(disk.port(), path, new Uint8Array(0))).close();
    expect(reachable(disk, paths)).toEqual(["/a", "/a /b", "/b", "nothing"]);
  });

  test("may not be there when the call is not answered, nor may any other of it", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/a", bytes("A"));
    const states = await during(disk, () => port.rename("/a", "/b"), () => [reachable(disk, paths), reachable(disk, paths, "process")]);
    expect(states).toEqual([["/a", "/b"], ["/a", "/b"]]);
  });

  test("by a link stands beside the old one, and each may go", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/a", bytes("A"));
    await port.link("/a", "/b");
    await port.unlink("/a");
    expect(reachable(disk, paths)).toEqual(["/a", "/a /b", "/b", "nothing"]);
    expect(await port.lstat("/b")).toMatchObject({ links: 1, size: 512 });
  });
});

describe("a directory that was made", () => {
  test("is lost with everything in it, however well that was synced", async () => {
    const disk = newDisk();
    const port = disk.port();
    await port.mkdir("/d", 0o700);
    await port.mkdir("/d/e", 0o700);
    const file = await put(port, "/d/e/a", bytes("A"));
    await file.sync();
    await port.syncDirectory("/d/e");
    await port.syncDirectory("/d");
    expect(reachable(disk, paths)).toEqual(["/d/e/a", "nothing"]);
    await port.syncDirectory("/");
    expect(reachable(disk, paths)).toEqual(["/d/e/a"]);
  });
});

describe("a rename", () => {
  test("leaves the old name or the new one, never neither, and the target is the old file or the new one", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/a", bytes("A"));
    await durableFile(disk, "/b", bytes("B"));
    await port.rename("/a", "/b");
    expect(reachable(disk, (after) => `${content(after, "/a")} ${content(after, "/b")}`)).toEqual(["A B", "absent A"]);
    await port.syncDirectory("/");
    expect(reachable(disk, (after) => `${content(after, "/a")} ${content(after, "/b")}`)).toEqual(["absent A"]);
  });

  test("may be durable before what the file holds", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/b", bytes("B"));
    await put(port, "/a", bytes("A"));
    await port.rename("/a", "/b");
    expect(reachable(disk, (after) => content(after, "/b"))).toEqual(expect.arrayContaining(["B", "empty", ".", "?", "A"]));
  });

  test("may survive when an earlier one does not, and the other way round", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/a", bytes("A"));
    await durableFile(disk, "/b", bytes("B"));
    await port.rename("/a", "/c");
    await port.rename("/b", "/d");
    expect(reachable(disk, paths)).toEqual(["/a /b", "/a /d", "/b /c", "/c /d"]);
  });

  test("into another directory needs a sync of both, and never leaves the file without a name", async () => {
    const disk = newDisk();
    const port = disk.port();
    await port.mkdir("/d", 0o700);
    await durableFile(disk, "/a", bytes("A"));
    await port.rename("/a", "/d/a");
    expect(reachable(disk, paths)).toEqual(["/a", "/a /d/a", "/d/a"]);
    const target = disk.crash({ kind: "process" });
    await target.port().syncDirectory("/d");
    expect(reachable(target, paths)).toEqual(["/a /d/a", "/d/a"]);
    const source = disk.crash({ kind: "process" });
    await source.port().syncDirectory("/");
    expect(reachable(source, paths)).toEqual(["/d/a"]);
  });

  test("that fails after it was done is not known to have happened", async () => {
    const disk = newDisk({ faults: [{ operation: "rename", nth: 1, kind: "failAfter", code: "EIO" }] });
    await durableFile(disk, "/a", bytes("A"));
    await expect(disk.port().rename("/a", "/b")).rejects.toMatchObject({ code: "EIO" });
    expect(paths(disk)).toBe("/b");
    expect(reachable(disk, paths)).toEqual(["/a", "/b"]);
  });
});

describe("a name that was taken away", () => {
  test("comes back until the directory is synced", async () => {
    const disk = newDisk();
    await durableFile(disk, "/a", bytes("A"));
    await disk.port().unlink("/a");
    expect(paths(disk)).toBe("nothing");
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["A", "absent"]);
    await disk.port().syncDirectory("/");
    expect(reachable(disk, paths)).toEqual(["nothing"]);
  });

  test("may be gone before what justified it is there", async () => {
    const disk = newDisk();
    const port = disk.port();
    await durableFile(disk, "/old", bytes("A"));
    const file = await put(port, "/new", bytes("A"));
    await file.sync();
    await port.unlink("/old");
    expect(reachable(disk, paths)).toEqual(["/new", "/new /old", "/old", "nothing"]);
  });

  test("leaves an open file usable, and its bytes to the next one when it is closed", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await disk.port().unlink("/a");
    await disk.port().syncDirectory("/");
    await file.write(bytes("B"), 0);
    const buffer = new Uint8Array(512);
    await file.read(buffer, 0, 512, 0);
    expect(buffer).toEqual(bytes("B"));
    expect(await file.stat()).toMatchObject({ links: 0 });
    await file.close();
    await put(disk.port(), "/b", bytes("."));
    expect(reachable(disk, (after) => content(after, "/b"))).toContain("B");
  });
});

describe("a listing", () => {
  test("may come in any order", async () => {
    const orders = new Set<string>();
    for (let first = 0; first < 3; first += 1) {
      const disk = newDisk({ adversary: { choose: (_label, count) => Math.min(first, count - 1) }, faults: [{ operation: "readdir", nth: 1, kind: "shuffle" }] });
      for (const path of ["/a", "/b", "/c"]) await disk.port().open(path, { mode: "create" });
      orders.add((await disk.port().readdir("/")).map(({ name }) => name).join(""));
      expect((await disk.port().readdir("/")).map(({ name }) => name).join("")).toBe("abc");
    }
    expect([...orders].sort()).toEqual(["abc", "bca", "cba"]);
  });
});

describe("truncate", () => {
  test("comes back until it is synced, with zeros in sectors of the block in which it ends", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("ABC"));
    await file.truncate(512);
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["A", "A..", "A.C", "AB.", "ABC"]);
    await file.datasync();
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["A"]);
  });

  test("may be overtaken by an append, and the old tail then stands behind it", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("ABC"));
    await file.truncate(0);
    await file.write(bytes("X"), 0);
    const whole = reachable(disk, (after) => content(after, "/a")).filter((state) => !state.includes(":"));
    // "A": the first block was given to the append, and still holds what was cut. Never "?BC": what was not cut is not harmed.
    expect(whole).toEqual([".", "?", "A", "ABC", "X", "XBC", "empty"]);
  });

  test("may be overtaken by an append with O_DSYNC, which it cannot harm", async () => {
    const disk = newDisk();
    const plain = await durableFile(disk, "/a", bytes("ABC"));
    const synced = await disk.port().open("/a", { mode: "write", dsync: true });
    await plain.truncate(0);
    await synced.write(bytes("X"), 0);
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["X", "XBC"]);
  });

  test("upwards leaves the old size or zeros, never nonsense", async () => {
    const disk = newDisk();
    const file = await durableFile(disk, "/a", bytes("A"));
    await file.truncate(1536);
    expect(reachable(disk, (after) => content(after, "/a"))).toEqual(["A", "A.."]);
  });
});
