import { storageKey, type StorageKey } from "@holdfast/storage";
import type { SimDisk } from "@holdfast/storage-sim";

import { Violation } from "../simulated/violation.js";
import { given, newDisk, openBackend, powerLost, text } from "./bare-disk.js";
import type { Scene, SceneCast } from "./directed-history.js";

/** Histories of files that grow in place, of which random ones need thousands of states. */
export const fileScenes: readonly Scene[] = [
  {
    name: "append-after-a-failed-one",
    about: "A write fails, and the same process appends again.",
    async play(cast) {
      const disk = newDisk(cast);
      const { appendable } = await openBackend(cast, disk, 1);
      const file = await appendable.open(KEY, { mode: "create" });
      disk.addFault({ operation: "dsyncWrite", nth: 1, kind: "drop" });
      await given(file.append(text("alder")));
      const isTaken = await given(file.append(text("birch")).then(() => true));
      if (isTaken === true) throw new Violation("I9", "an append behind one that failed is acknowledged");
    },
  },
  {
    name: "short-write-of-a-block",
    about: "The block in which an append ends is written past the cache with the next append, and that write is short, by each number of sectors.",
    async play(cast) {
      for (let sectors = 0; sectors < SECTORS_OF_BLOCK - 1; sectors++) {
        const disk = newDisk(cast, { choose: (label) => (label === "short write" ? sectors : 0) });
        const { appendable } = await openBackend(cast, disk, 1);
        const file = await appendable.open(KEY, { mode: "create", reserveBytes: RESERVED_BYTES });
        await file.append(text("a".repeat(1000)));
        disk.addFault({ operation: "dsyncWrite", nth: 1, kind: "short" });
        const isTaken = await given(file.append(text("b".repeat(1000))).then(() => true));
        if (isTaken !== true) throw new Violation("I11", "an append is refused, though the rest of a short write could be written");
        await requireHeld(cast, powerLost(cast, disk), "a".repeat(1000) + "b".repeat(1000));
      }
    },
  },
  {
    name: "cut-below-the-last-block",
    about: "A file that is written past the cache is cut within another block than the one in which it ended, and goes on.",
    async play(cast) {
      const disk = newDisk(cast);
      const { appendable } = await openBackend(cast, disk, 1);
      const file = await appendable.open(KEY, { mode: "create", reserveBytes: RESERVED_BYTES });
      await file.append(text("a".repeat(3000) + "b".repeat(3000)));
      await file.truncate(100);
      await file.append(text("c".repeat(50)));
      await requireHeld(cast, powerLost(cast, disk), "a".repeat(100) + "c".repeat(50));
    },
  },
  {
    name: "directory-of-another-process",
    about: "A process makes a directory and is gone before it syncs that; the next one puts an object there, and power is lost.",
    async play(cast) {
      const disk = newDisk(cast);
      const storage = await openBackend(cast, disk, 1);
      await disk.port().mkdir("/data/log", 0o700);
      await storage.create(KEY, text("alder"));
      await requireHeld(cast, powerLost(cast, disk), "alder");
    },
  },
];

/** @throws Violation of I1 unless the file begins with what was acknowledged, and of I6 unless zeros alone follow. */
async function requireHeld(cast: SceneCast, disk: SimDisk, acknowledged: string): Promise<void> {
  const bytes = await (await openBackend(cast, disk, 2)).read(KEY);
  const found = Buffer.from(bytes ?? []).toString("latin1");
  if (!found.startsWith(acknowledged)) throw new Violation("I1", "bytes that were acknowledged are gone, or others stand there");
  if (found.slice(acknowledged.length).replaceAll("\0", "") !== "") throw new Violation("I6", "what was not appended stands behind the end");
}

const RESERVED_BYTES = 64 * 1024;
const SECTORS_OF_BLOCK = 8;
const KEY: StorageKey = storageKey("log/alder.wal");
