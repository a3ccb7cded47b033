import { expect } from "vitest";
import { mildAdversary } from "../src/index.js";
import { bytes, durableFile } from "./support/sim.js";
import { after, both, inEachProfile, left, overwritten, type Row } from "./support/profile-table.js";

/** What a disk does that is full, fails, lies or rots. */
const ROWS: readonly Row[] = [
  {
    fault: "a sync fails, drops what it should have written, and the next answers ok",
    faults: [{ operation: "datasync", nth: 1, kind: "drop" }],
    run: async (disk) => {
      const file = await overwritten(disk, "AA", "BB");
      await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
      return after(disk, file.datasync());
    },
    posix: "AA AB BA BB",
    kill: "BB",
  },
  {
    fault: "a write with O_DSYNC fails, and a later sync answers ok",
    faults: [{ operation: "dsyncWrite", nth: 2, kind: "drop" }],
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AA"), { dsync: true });
      await expect(file.write(bytes("BB"), 0)).rejects.toMatchObject({ code: "EIO" });
      return after(disk, file.sync());
    },
    posix: "AA AB BA BB",
    kill: "BB",
  },
  {
    fault: "a sync of a directory fails, and the next answers ok",
    faults: [{ operation: "syncDirectory", nth: 2, kind: "drop" }],
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      await disk.port().link("/a", "/b");
      await expect(disk.port().syncDirectory("/")).rejects.toMatchObject({ code: "EIO" });
      return after(disk, disk.port().syncDirectory("/"), both);
    },
    posix: "A|- A|A",
    kill: "A|A",
  },
  {
    fault: "a sync lies",
    faults: [{ operation: "datasync", nth: 1, kind: "lie" }],
    run: async (disk) => after(disk, (await overwritten(disk, "A", "B")).datasync()),
    posix: "A B",
    kill: "B",
  },
  {
    fault: "a write is lost although its sync answered ok",
    faults: [{ operation: "write", nth: 2, kind: "lost" }],
    run: async (disk) => after(disk, (await overwritten(disk, "A", "B")).datasync()),
    posix: "A",
    kill: "B",
  },
  {
    fault: "a write goes to another place, and its sync answers ok",
    faults: [{ operation: "write", nth: 2, kind: "misdirect" }],
    run: async (disk) => after(disk, (await overwritten(disk, "AA", "B")).datasync()),
    posix: "AB",
    kill: "BA",
  },
  {
    fault: "a write is short",
    faults: [{ operation: "write", nth: 2, kind: "short" }],
    options: { adversary: { choose: (label, count) => (label === "short write" ? 511 : mildAdversary.choose(label, count)) } },
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AA"));
      expect(await file.write(bytes("BB"), 0)).toBe(512);
      return left(disk);
    },
    posix: "AA BA",
    kill: "BA",
  },
  {
    fault: "a write fails with ENOSPC after a prefix",
    faults: [{ operation: "write", nth: 2, kind: "failPartly", code: "ENOSPC" }],
    options: { adversary: { choose: (label, count) => (label === "bytes of a failed write" ? 512 : mildAdversary.choose(label, count)) } },
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AA"));
      await expect(file.write(bytes("BB"), 0)).rejects.toMatchObject({ code: "ENOSPC" });
      return left(disk);
    },
    posix: "AA BA",
    kill: "BA",
  },
  {
    fault: "a full disk takes what fits, then ENOSPC",
    options: { capacityBytes: 4096, sectorBytes: 4096 },
    run: async (disk) => {
      const file = await durableFile(disk, "/a", new Uint8Array(0));
      expect(await file.write(bytes("B".repeat(9)), 0)).toBe(4096);
      await expect(file.write(bytes("B"), 4096)).rejects.toMatchObject({ code: "ENOSPC" });
      return after(disk, file.datasync());
    },
    posix: "BBBBBBBB",
  },
  ...(["EIO", "ENOSPC", "EMFILE", "EROFS", "EACCES"] as const).map(
    (code): Row => ({
      fault: `opening, writing and renaming fail with ${code}, and nothing is changed`,
      faults: (["open", "write", "rename"] as const).map((operation) => ({ operation, nth: operation === "rename" ? 1 : 2, kind: "fail", code })),
      run: async (disk) => {
        const file = await durableFile(disk, "/a", bytes("A"));
        await expect(disk.port().open("/b", { mode: "create" })).rejects.toMatchObject({ code });
        await expect(file.write(bytes("B"), 0)).rejects.toMatchObject({ code });
        await expect(disk.port().rename("/a", "/b")).rejects.toMatchObject({ code });
        return left(disk, both);
      },
      posix: "A|-",
    }),
  ),
  {
    fault: "a rename fails with EIO and was done",
    faults: [{ operation: "rename", nth: 1, kind: "failAfter" }],
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      await expect(disk.port().rename("/a", "/b")).rejects.toMatchObject({ code: "EIO" });
      return left(disk, both);
    },
    posix: "-|A A|-",
    kill: "-|A",
  },
  ...(["rot", "zero"] as const).map(
    (kind): Row => ({
      fault: `the medium is harmed below a read (${kind}), for good`,
      faults: [{ operation: "read", nth: 1, kind }],
      run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("AB"))).read(new Uint8Array(1024), 0, 1024, 0)),
      posix: kind === "rot" ? "?B" : ".B",
    }),
  ),
  {
    fault: "a sector cannot be read until it is written",
    faults: [{ operation: "read", nth: 1, kind: "unreadable" }],
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AB"));
      for (const length of [512, 1]) await expect(file.read(new Uint8Array(length), 0, length, 0)).rejects.toMatchObject({ code: "EIO" });
      const next = disk.crash({ kind: "power" });
      const again = await next.port().open("/a", { mode: "write" });
      await expect(again.read(new Uint8Array(1), 0, 1, 511)).rejects.toMatchObject({ code: "EIO" });
      await again.write(bytes("X"), 0);
      expect(await again.read(new Uint8Array(1024), 0, 1024, 0)).toBe(1024);
      return left(next);
    },
    posix: "AB XB",
    kill: "XB",
  },
  {
    fault: "a process has too many files open, and nothing is made",
    options: { maxOpenFiles: 1 },
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      const { port } = disk.process();
      await port.open("/a", { mode: "read" });
      await expect(port.open("/b", { mode: "create" })).rejects.toMatchObject({ code: "EMFILE" });
      return left(disk, both);
    },
    posix: "A|-",
  },
  {
    fault: "the disk is read-only from a write on, until the power is lost",
    faults: [{ operation: "write", nth: 3, kind: "readOnly" }],
    run: async (disk) => {
      const file = await overwritten(disk, "A", "B");
      await expect(file.write(bytes("C"), 0)).rejects.toMatchObject({ code: "EROFS" });
      await expect(disk.port().unlink("/a")).rejects.toMatchObject({ code: "EROFS" });
      return left(disk);
    },
    posix: "A B",
    kill: "B",
  },
  ...(["flip", "misdirect"] as const).map(
    (kind): Row => ({
      fault: `a read answers something else (${kind}), once`,
      faults: [{ operation: "read", nth: 1, kind }],
      run: async (disk) => {
        const file = await durableFile(disk, "/a", bytes("AB"));
        const [wrong, right] = [new Uint8Array(512), new Uint8Array(512)];
        await file.read(wrong, 0, 512, 0);
        await file.read(right, 0, 512, 0);
        expect(wrong).not.toEqual(bytes("A"));
        expect(right).toEqual(bytes("A"));
        return left(disk);
      },
      posix: "AB",
    }),
  ),
];

inEachProfile(ROWS);
