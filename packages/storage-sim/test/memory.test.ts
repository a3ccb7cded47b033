import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { quiet, type SimDisk } from "../src/index.js";
import { bytes, newDisk } from "./support/sim.js";

/** Collects garbage; the flag gives new contexts a function for it. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
}

test("calls that are never answered are forgotten with their disk", async () => {
  const stoppedDisk = (): readonly WeakRef<object>[] => {
    const disk = newDisk();
    const waiting = (async () => {
      const file = await disk.port().open("/a", { mode: "create" });
      void disk.stopAt(disk.calls + 1);
      await file.write(bytes("A"), 0);
    })();
    return [new WeakRef(disk), new WeakRef(waiting)];
  };
  const references = Array.from({ length: 100 }, stoppedDisk).flat();
  for (let attempt = 0; attempt < 10; attempt += 1) {
    await quiet();
    collect();
  }
  expect(references.filter((it) => it.deref() !== undefined)).toEqual([]);
});

test("disks that came out of crashes do not keep each other", async () => {
  const references: WeakRef<object>[] = [];
  const crashed = async (before: SimDisk, depth: number): Promise<SimDisk> => {
    const file = await before.port().open(`/${depth}`, { mode: "create" });
    await file.write(bytes("A"), 0);
    references.push(new WeakRef(before));
    return before.crash({ kind: depth % 2 === 0 ? "power" : "process", survives: () => true });
  };
  let disk = newDisk();
  for (let depth = 0; depth < 100; depth += 1) disk = await crashed(disk, depth);
  for (let attempt = 0; attempt < 10; attempt += 1) {
    await quiet();
    collect();
  }
  expect(references.filter((it) => it.deref() !== undefined)).toEqual([]);
  expect(disk.files().size).toBe(100);
});
