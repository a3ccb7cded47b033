import { storageKey, type StorageKey } from "@holdfast/storage";
import { seededRandom, virtualClock, type SimDisk } from "@holdfast/storage-sim";

import { Violation, type Invariant } from "../simulated/violation.js";
import { given, newDisk, openBackend, powerLost, text } from "./bare-disk.js";
import type { Scene, SceneCast } from "./directed-history.js";

/** Histories of files that grow in place, of which random ones need thousands of states. */
export const fileScenes: readonly Scene[] = [
  {
    name: "cut-and-grown",
    about: "A file is cut, and grows again; then power is lost.",
    async play(cast) {
      const disk = newDisk(cast);
      const { appendable } = await openBackend(cast, disk, 1);
      const file = await appendable.open(KEY, { mode: "create" });
      await file.append(text("alder".repeat(500)));
      await file.truncate(5);
      await file.append(text("birch"));
      await expectHeld(cast, powerLost(cast, disk), "alderbirch", "I6");
    },
  },
  {
    name: "grown-behind-another",
    about: "A process is killed before it has synced what it wrote; another one puts something behind it, and power is lost.",
    async play(cast) {
      const disk = newDisk(cast);
      const process = disk.process();
      const first = await cast.modules.storageFs.fsBackend({ root: "/data", port: process.port, clock: virtualClock(), random: seededRandom(1) });
      await (await first.appendable.open(KEY, { mode: "create", sync: "manual" })).append(text("alder".repeat(500)));
      process.kill();
      cast.onCrash("process");
      const { appendable } = await openBackend(cast, disk, 2);
      await (await appendable.open(KEY, { mode: "continue" })).append(text("birch"));
      await expectHeld(cast, powerLost(cast, disk), `${"alder".repeat(500)}birch`, "I6");
    },
  },
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
];

const KEY: StorageKey = storageKey("log/alder.wal");

async function expectHeld(cast: SceneCast, disk: SimDisk, expected: string, invariant: Invariant): Promise<void> {
  const bytes = await (await openBackend(cast, disk, 3)).read(KEY);
  if (bytes === undefined || Buffer.compare(bytes, text(expected)) !== 0) {
    throw new Violation(invariant, `the file has ${bytes?.length ?? "no"} bytes, and not the ${expected.length} that were acknowledged`);
  }
}
