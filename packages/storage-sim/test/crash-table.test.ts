import { bytes, durableFile, during, put } from "./support/sim.js";
import { after, both, inEachProfile, left, overwritten, shows, type Row } from "./support/profile-table.js";

/** What a disk does that is in order. */
const ROWS: readonly Row[] = [
  {
    fault: "an overwrite is torn between sectors of 512 bytes",
    run: (disk) => after(disk, overwritten(disk, "AAA", "BBB")),
    posix: "AAA AAB ABA ABB BAA BAB BBA BBB",
    kill: "BBB",
  },
  {
    fault: "an overwrite is torn between sectors of 4096 bytes, not within",
    options: { sectorBytes: 4096 },
    run: (disk) => after(disk, overwritten(disk, "A".repeat(16), "B".repeat(9))),
    posix: "AAAAAAAAAAAAAAAA AAAAAAAABAAAAAAA BBBBBBBBAAAAAAAA BBBBBBBBBAAAAAAA",
    kill: "BBBBBBBBBAAAAAAA",
  },
  {
    fault: "a sync that succeeded pins",
    run: async (disk) => after(disk, (await overwritten(disk, "AA", "BBB")).datasync()),
    posix: "BBB",
  },
  {
    fault: "writes to two files between syncs are reordered",
    run: async (disk) => {
      const file = await durableFile(disk, "/b", bytes("A"));
      await overwritten(disk, "A", "B");
      await file.write(bytes("C"), 0);
      return left(disk, both);
    },
    posix: "A|A A|C B|A B|C",
    kill: "B|C",
  },
  {
    fault: "an append: a size without data, which is zeros or nonsense; a part of both",
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("A"))).write(bytes("BC"), 512)),
    posix: "A A.. A.C A.~ A?? A?C A?~ AB. AB? ABC AB~ A~",
    ordered: "A AB ABC",
    kill: "ABC",
  },
  {
    fault: "an append: a size without data, which is what a removed file held",
    run: async (disk) => {
      const old = await durableFile(disk, "/old", bytes("RS"));
      await old.close();
      await disk.port().unlink("/old");
      await disk.port().syncDirectory("/");
      await (await durableFile(disk, "/a", new Uint8Array(0))).write(bytes("B"), 0);
      return left(disk);
    },
    posix: ". 0 ? B R ~",
    ordered: "0 B",
    kill: "B",
  },
  {
    fault: "an append: a hole before a later one",
    run: async (disk) => {
      const file = await durableFile(disk, "/a", new Uint8Array(0));
      await file.write(bytes("A"), 0);
      await file.write(bytes("B"), 512);
      return left(disk);
    },
    posix: ". .. .? .B .~ 0 ? ?. ?? ?B ?~ A A. A? AB A~ ~",
    ordered: "0 A AB",
    kill: "AB",
  },
  {
    fault: "a rename before the data of its file",
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      await put(disk.port(), "/b", bytes("B"));
      await disk.port().rename("/b", "/a");
      return left(disk);
    },
    posix: ". 0 ? A B ~",
    ordered: "0 A B",
    kill: "B",
  },
  {
    fault: "a name is lost although the data of its file was synced",
    run: async (disk) => after(disk, (await put(disk.port(), "/a", bytes("A"))).datasync()),
    posix: "- A",
    kill: "A",
  },
  {
    fault: "a name is lost although its file was fsynced",
    run: async (disk) => after(disk, (await put(disk.port(), "/a", bytes("A"))).sync()),
    posix: "- A",
    ordered: "A",
  },
  {
    fault: "names are reordered",
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      await disk.port().link("/a", "/b");
      await disk.port().link("/a", "/c");
      return left(disk, ["/b", "/c"]);
    },
    posix: "-|- -|A A|- A|A",
    ordered: "-|- A|- A|A",
    kill: "A|A",
  },
  {
    fault: "a directory is lost with everything in it",
    run: async (disk) => {
      await disk.port().mkdir("/d", 0o700);
      const file = await put(disk.port(), "/d/a", bytes("A"));
      await file.datasync();
      await disk.port().syncDirectory("/d");
      return left(disk, ["/d/a"]);
    },
    posix: "- A",
    ordered: "A",
  },
  {
    fault: "a removed name comes back",
    run: async (disk) => {
      await durableFile(disk, "/a", bytes("A"));
      await disk.port().unlink("/a");
      return left(disk);
    },
    posix: "- A",
    kill: "-",
  },
  {
    fault: "a truncate comes back",
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("ABC"))).truncate(512)),
    posix: "A A.. A.C AB. ABC",
    kill: "A",
  },
  {
    fault: "sectors of the block of 4096 bytes in which a cut ends are zeros, and the cut comes back",
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("A".repeat(9)))).truncate(6 * 512)),
    posix: "AAAAAA AAAAAA..A AAAAAA.AA AAAAAAA.A AAAAAAAAA",
    kill: "AAAAAA",
  },
  {
    fault: "sectors of 4096 bytes are zeroed from the new end on",
    options: { sectorBytes: 4096 },
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("A".repeat(9)))).truncate(6 * 512)),
    posix: "AAAAAA AAAAAA..A AAAAAAAAA",
    kill: "AAAAAA",
  },
  {
    fault: "a cut at the border of a block zeroes nothing",
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("A".repeat(9)))).truncate(8 * 512)),
    posix: "AAAAAAAA AAAAAAAAA",
    kill: "AAAAAAAA",
  },
  {
    fault: "a synced write behind a cut that is not durable stays, and the rest of the block is old or zeros",
    run: async (disk) => {
      const plain = await durableFile(disk, "/a", bytes("ABC"));
      const synced = await disk.port().open("/a", { mode: "write", dsync: true });
      await plain.truncate(512);
      await synced.write(bytes("X"), 512);
      return left(disk);
    },
    posix: "AX AX. AXC",
    kill: "AX",
  },
  {
    fault: "a truncate comes after an append, with the old tail behind that",
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("ABC"));
      await file.truncate(0);
      await file.write(bytes("X"), 0);
      return left(disk);
    },
    posix: ". 0 ? A ABC X XBC ~",
    ordered: "0 ABC X",
    kill: "X",
  },
  {
    fault: "a truncate upwards leaves the old size or zeros",
    run: async (disk) => after(disk, (await durableFile(disk, "/a", bytes("A"))).truncate(1024)),
    posix: "A A.",
    kill: "A.",
  },
  {
    fault: "a write with O_DSYNC is torn in flight",
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AA"), { dsync: true });
      return during(disk, () => file.write(bytes("BB"), 0), () => left(disk));
    },
    posix: "AA AB BA BB",
    kill: "AA BB",
  },
  {
    fault: "a write with O_DSYNC can be seen in flight",
    run: async (disk) => {
      const file = await durableFile(disk, "/a", bytes("AA"), { dsync: true });
      return during(disk, () => file.write(bytes("BB"), 0), () => [shows()(disk)]);
    },
    posix: "BB",
  },
  {
    fault: "a write with O_DSYNC pins its range, and nothing before it",
    run: async (disk) => {
      const plain = await durableFile(disk, "/a", bytes("AAA"));
      const synced = await disk.port().open("/a", { mode: "write", dsync: true });
      await plain.write(bytes("B"), 0);
      await synced.write(bytes("C"), 1024);
      return left(disk);
    },
    posix: "AAC BAC",
    kill: "BAC",
  },
];

inEachProfile(ROWS);
