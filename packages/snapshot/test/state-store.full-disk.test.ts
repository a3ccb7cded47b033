import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { expect, test } from "vitest";
import { openStateStore, type StateStore } from "../src/index.js";

const CAPACITY = 2 * 1024 * 1024;

function openOn(disk: SimDisk): Promise<StateStore<number, number>> {
  const clock = virtualClock();
  const random = seededRandom(1);
  return fsBackend({ root: "/data", port: disk.port(), clock, random }).then((storage) =>
    openStateStore<number, number>({ storage, prefix: "sum", initial: 0, apply: (sum, event) => sum + event, clock, random, log: { segmentBytes: 64 * 1024 } }),
  );
}

/** Takes all room that is left. */
async function fill(disk: SimDisk): Promise<void> {
  const used = [...disk.files().values()].reduce((sum, bytes) => sum + Math.ceil(bytes.length / 4096) * 4096, 0);
  const file = await disk.port().open("/ballast", { mode: "create" });
  const size = Math.floor((CAPACITY - used) / 4096) * 4096;
  expect(await file.write(new Uint8Array(size), 0)).toBe(size);
  await file.sync();
  await file.close();
  await disk.port().syncDirectory("/");
}

test("a store that is behind its last commits, because the disk was full when it was opened, says so", async () => {
  let disk = new SimDisk({ profile: "posix", adversary: mildAdversary, capacityBytes: CAPACITY });
  const first = await openOn(disk);
  expect(first.health.isBehind).toBe(false);
  for (const event of [1, 2, 4]) await first.commit(event);
  disk = disk.crash({ kind: "process" });
  await fill(disk);

  const behind = await openOn(disk);
  expect(behind.health.isBehind).toBe(true);
  expect([behind.seq, behind.state], "nothing stands behind the last commit that would prove it").toEqual([2, 3]);
  await expect(behind.commit(8)).rejects.toMatchObject({ code: "STATE_CONFLICT", message: expect.stringContaining("make room") as string });
  await behind.close();

  await disk.port().unlink("/ballast");
  const again = await openOn(disk);
  expect(again.health.isBehind).toBe(false);
  expect([again.seq, again.state]).toEqual([3, 7]);
  expect(await again.commit(8)).toBe(4);
  await again.close();
});
