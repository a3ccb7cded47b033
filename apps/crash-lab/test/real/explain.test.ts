import { mildAdversary, seededAdversary, SimDisk } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";

import { explain, type Tree } from "../../src/real/block-writes/explain.js";
import { doStep, drawSteps, type PortStep } from "../../src/real/block-writes/port-steps.js";

async function diskAfter(steps: readonly PortStep[]): Promise<SimDisk> {
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary });
  const port = disk.port();
  for (const step of steps) await doStep(port, "", step);
  return disk;
}

function treeOf(disk: SimDisk): Tree {
  return { files: disk.files(), directories: new Set(disk.directories()) };
}

function write(path: string, at: number, length: number, token = 1): PortStep {
  return { does: "write", path, at, length, token, dsync: false, direct: false };
}

const SYNCED: readonly PortStep[] = [
  { does: "create", path: "/f1" },
  write("/f1", 0, 6000),
  { does: "sync", path: "/f1" },
  { does: "syncDirectory", path: "/" },
];

describe("whether a simulated disk can show a tree", () => {
  it("finds how, for whatever power loss leaves of it", async () => {
    for (let seed = 0; seed < 8; seed++) {
      const steps = drawSteps(String(seed), 150);
      for (const count of [40, 90, 150]) {
        const disk = await diskAfter(steps.slice(0, count));
        const left = disk.crash({ kind: "power", chance: seededAdversary(seed) });
        expect(explain(disk, treeOf(left)), `steps ${seed}, ${count} of them`).toMatchObject({ isPossible: true });
      }
    }
  });

  it("refuses a file that was synced and is gone, shorter, or other", async () => {
    const disk = await diskAfter(SYNCED);
    const bytes = disk.files().get("/f1") ?? new Uint8Array(0);
    const altered = Buffer.from(bytes);
    altered[5000] = ~(altered[5000] ?? 0);
    for (const files of [new Map(), new Map([["/f1", bytes.subarray(0, 5999)]]), new Map([["/f1", altered]])]) {
      expect(explain(disk, { files, directories: new Set() }).isPossible).toBe(false);
    }
    expect(explain(disk, treeOf(disk)).isPossible).toBe(true);
  });

  it("refuses names that nobody gave, and both names of a rename that are gone", async () => {
    const disk = await diskAfter([...SYNCED, { does: "rename", path: "/f1", to: "/f2" }]);
    const bytes = disk.files().get("/f2") ?? new Uint8Array(0);
    const can = (...names: string[]): boolean => explain(disk, { files: new Map(names.map((name) => [name, bytes])), directories: new Set() }).isPossible;
    expect([can("/f1"), can("/f2"), can(), can("/f1", "/f3")]).toEqual([true, true, false, false]);
  });

  it("takes a block that an unfinished cut has zeroed for what it is, and tells of it", async () => {
    const disk = await diskAfter([...SYNCED, { does: "truncate", path: "/f1", size: 4700 }]);
    const zeroed = Buffer.alloc(6000);
    zeroed.set((disk.files().get("/f1") ?? new Uint8Array(0)).subarray(0, 4700));
    expect(explain(disk, { files: new Map([["/f1", zeroed]]), directories: new Set() })).toEqual({ isPossible: true, cutsZeroedEarly: 1 });
    // A block of 1 KiB ends at 5120.
    zeroed.set((await diskAfter(SYNCED)).files().get("/f1")?.subarray(5120) ?? [], 5120);
    expect(explain(disk, { files: new Map([["/f1", zeroed]]), directories: new Set() })).toEqual({ isPossible: true, cutsZeroedEarly: 1 });
    zeroed[4600] = 1;
    zeroed[4601] = 1;
    expect(explain(disk, { files: new Map([["/f1", zeroed]]), directories: new Set() }).isPossible).toBe(false);
  });
});
