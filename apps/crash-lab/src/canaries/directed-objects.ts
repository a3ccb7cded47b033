import { storageKey, storagePrefix } from "@holdfast/storage";

import { Violation } from "../simulated/violation.js";
import { given, newDisk, openBackend, powerLost, text } from "./bare-disk.js";
import type { Scene } from "./directed-history.js";

/** Histories of whole objects in a directory, for what random ones do not ask. */
export const objectScenes: readonly Scene[] = [
  {
    name: "directory-sync-fails",
    about: "The sync of a directory fails and leaves nothing behind; the same process reads what can be seen there, and power is lost.",
    async play(cast) {
      const disk = newDisk(cast);
      const backend = await openBackend(cast, disk, 1);
      await backend.create(storageKey("tree/alder.txt"), text("alder"));
      disk.addFault({ operation: "syncDirectory", nth: 1, kind: "drop" });
      const birch = storageKey("tree/birch.txt");
      await given(backend.create(birch, text("birch")));
      const isPromised = (await given(backend.read(birch))) !== undefined;
      const left = await openBackend(cast, powerLost(cast, disk), 2);
      if (isPromised && (await left.read(birch)) === undefined) throw new Violation("I1", `${birch} was read, and is gone`);
    },
  },
  {
    name: "one-key-at-once",
    about: "Two processes create one key at the same time.",
    async play(cast) {
      const disk = newDisk(cast);
      const backends = [await openBackend(cast, disk, 1), await openBackend(cast, disk, 2)];
      const key = storageKey("tree/alder.txt");
      const created = await Promise.all(backends.map((it, index) => given(it.create(key, text(`alder ${index}`)))));
      const winners = created.filter((it) => it !== undefined).length;
      if (winners !== 1) throw new Violation("I16", `${winners} of two processes are told that they have created one key`);
    },
  },
  {
    name: "neighbours",
    about: "Prefixes and keys that begin alike.",
    async play(cast) {
      const backend = await openBackend(cast, newDisk(cast), 1);
      const keys = ["tree-house/cedar.txt", "tree/leaf-dry/birch.txt", "tree/leaf.txt", "tree/leaf/alder.txt"];
      for (const key of keys) await backend.create(storageKey(key), text(key));
      for (const prefix of ["", "tree/", "tree/leaf/"]) {
        const listed: string[] = [];
        for await (const { key } of backend.list(storagePrefix(prefix))) listed.push(key);
        const expected = keys.filter((key) => key.startsWith(prefix));
        if (listed.join() !== expected.join()) throw new Violation("I19", `below ${JSON.stringify(prefix)} ${listed.join()} is listed, and not ${expected.join()}`);
      }
    },
  },
];
