import { storageKey, type StorageKey } from "@holdfast/storage";

import { Violation } from "../simulated/violation.js";
import { given, newDisk, openBackend, text } from "./bare-disk.js";
import type { Scene } from "./directed-history.js";

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
];

const KEY: StorageKey = storageKey("log/alder.wal");
