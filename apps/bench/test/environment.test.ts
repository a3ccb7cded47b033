import { describe, expect, it } from "vitest";

import { describeEnvironment, findMount } from "../src/environment.js";
import { placeFrame, frameBytes } from "../src/peers/floor.js";
import { measuredRecords, seededBytes, seededFractions } from "../src/records.js";
import { isInMemory } from "../../../scripts/command-line.js";
import { killMoments } from "../src/proof/prove.js";

describe("findMount", () => {
  const mountInfo = [
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard",
    "30 22 0:26 / /tmp rw shared:5 - tmpfs tmpfs rw,size=1024k",
    "31 22 0:27 / /data/my\\040disk rw shared:6 master:2 - xfs /dev/sdb rw",
    "32 22 0:28 / /tmp rw shared:7 - btrfs /dev/sdc rw,ssd",
  ].join("\n");

  it("takes the longest mount point above the path, and of equals the one mounted last", () => {
    expect(findMount(mountInfo, "/home/x")?.type).toBe("ext4");
    expect(findMount(mountInfo, "/data/my disk/y")?.type).toBe("xfs");
    expect(findMount(mountInfo, "/tmp")).toEqual({ mountPoint: "/tmp", type: "btrfs", options: "rw,ssd" });
  });

  it("does not take a name that only begins alike", () => {
    expect(findMount(mountInfo, "/tmpfoo/z")?.type).toBe("ext4");
    expect(findMount("", "/x")).toBeUndefined();
  });
});

describe("describeEnvironment", () => {
  it("names the versions of the peers, and says of a package that is not there that it is not", async () => {
    const environment = await describeEnvironment(import.meta.dirname, ["lmdb", "no-such-package"]);
    expect(environment.peers["lmdb"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(environment.peers["no-such-package"]).toBe("not installed");
    expect(environment.node).toBe(process.version);
  });
});

describe("isInMemory", () => {
  it("knows tmpfs and ramfs on Linux, and no disk", () => {
    expect(isInMemory({ type: 0x01021994 }, "linux")).toBe(true);
    expect(isInMemory({ type: 0x858458f6 }, "linux")).toBe(true);
    expect(isInMemory({ type: 0xef53 }, "linux")).toBe(false);
    expect(isInMemory({ type: 0x01021994 }, "darwin")).toBe(false);
  });
});

describe("the floor's frames", () => {
  it("are as large as the log's, and lie where the log's would", () => {
    expect(frameBytes(1, 256)).toBe(308);
    expect(frameBytes(64, 256)).toBe(16_688);
    expect(placeFrame(0)).toBe(0);
    expect(placeFrame(308)).toBe(312);
    expect(placeFrame(464)).toBe(464); // 48 bytes left in the sector: just enough
    expect(placeFrame(465)).toBe(512);
    expect(placeFrame(512)).toBe(512);
  });
});

describe("seeded records", () => {
  it("depend on seed and purpose alone", () => {
    expect(seededBytes(1, "a", 8)).toEqual(seededBytes(1, "a", 8));
    expect(seededBytes(1, "a", 8)).not.toEqual(seededBytes(2, "a", 8));
    expect(seededBytes(1, "a", 8)).not.toEqual(seededBytes(1, "b", 8));
    expect(seededFractions(7, "x", 1000).every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
  });

  it("are 1,024 different ones of 256 bytes", () => {
    const records = measuredRecords(1);
    expect(records.every((record) => record.length === 256)).toBe(true);
    expect(new Set(records.map((record) => Buffer.from(record).toString("hex"))).size).toBe(1024);
  });
});

describe("killMoments", () => {
  it("are drawn by the seed, use up less than the input, and meet the opening too", () => {
    const moments = killMoments(1, 7, 20_000);
    expect(moments).toHaveLength(7);
    expect(killMoments(1, 7, 20_000)).toEqual(moments);
    expect(killMoments(2, 7, 20_000)).not.toEqual(moments);
    const records = moments.map(({ after }) => (after === "opening" ? 0 : after.acknowledged));
    expect(records.filter((count) => count === 0)).toHaveLength(1);
    const together = records.reduce((sum, count) => sum + count);
    expect(together).toBeLessThanOrEqual(20_000);
    expect(together).toBeGreaterThan(10_000);
    expect(killMoments(1, 7, 1).every(({ after }) => after === "opening" || after.acknowledged >= 1)).toBe(true);
  });
});
