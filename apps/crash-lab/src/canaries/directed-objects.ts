import { Violation } from "../simulated/violation.js";
import type { Scene } from "./directed-history.js";
import { ObjectStage } from "./object-stage.js";

/** Histories of whole objects in a directory. */
export const objectScenes: readonly Scene[] = [
  {
    name: "objects-cut-short",
    about: "Objects are created, replaced and removed, and that is cut short at each step.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.crashEverywhere(
        { adversary: stage.chance },
        async () => {
          const life = await stage.open();
          await life.create("tree/alder.txt", long("alder"));
          await life.create("tree/birch.txt", long("birch"));
          await life.replace("tree/alder.txt", long("cedar"));
          await life.remove("tree/birch.txt");
          await life.create("house/dogwood.txt", "dogwood");
        },
        (left) => left.check(),
      );
    },
  },
  {
    name: "directory-of-another",
    about: "A process dies at each step of making a directory, another one makes an object in it, and power is lost.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      await stage.crashEverywhere(
        { kinds: ["process"] },
        async () => (await stage.open()).create("tree/leaf/alder.txt", "alder"),
        async (left) => {
          await (await left.open()).create("tree/leaf/birch.txt", "birch");
          left.losePower();
          await left.check();
        },
      );
    },
  },
  {
    name: "directory-sync-fails",
    about: "The sync of a directory fails and leaves nothing behind; the same process reads what can be seen there, and power is lost.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      const life = await stage.open();
      await life.create("tree/alder.txt", "alder");
      stage.fault({ operation: "syncDirectory", nth: 1, kind: "drop" });
      await life.create("tree/birch.txt", "birch");
      await life.read("tree/birch.txt");
      stage.losePower();
      await stage.check();
    },
  },
  {
    name: "one-key-at-once",
    about: "Two processes create one key at the same time, and then replace it at the same time: one creates it, and one value is there.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      const lives = [await stage.open(), await stage.open()];
      const created = await Promise.all(lives.map((life, index) => life.create("tree/alder.txt", long(`alder ${index}`))));
      if (created.filter((it) => it).length !== 1) throw new Violation("I16", `${created.filter((it) => it).length} of two processes have created one key`);
      const replaced = await Promise.all(lives.map((life, index) => life.replace("tree/alder.txt", `birch ${index}`.repeat(1 + index * 40))));
      if (replaced.includes(false)) throw new Violation("I17", "a replacement fails because of another one");
      for (const index of lives.keys()) stage.ledger.offer("tree/alder.txt", `birch ${index}`.repeat(1 + index * 40));
      await stage.check();
    },
  },
  {
    name: "neighbours",
    about: "Prefixes and keys that begin alike.",
    async play(cast) {
      const stage = new ObjectStage(cast);
      const life = await stage.open();
      for (const key of ["tree/leaf/alder.txt", "tree/leaf-dry/birch.txt", "tree/leaf.txt", "tree-house/cedar.txt"]) await life.create(key, key);
      expectKeys(await life.list("tree/leaf/"), ["tree/leaf/alder.txt"]);
      expectKeys(await life.list("tree/"), ["tree/leaf-dry/birch.txt", "tree/leaf.txt", "tree/leaf/alder.txt"]);
      await stage.check();
    },
  },
];

function expectKeys(listed: readonly string[], expected: readonly string[]): void {
  if (listed.join() !== expected.join()) throw new Violation("I19", `${listed.join()} is listed, and not ${expected.join()}`);
}

/** Over several sectors. */
function long(label: string): string {
  return label.padEnd(1500, "#");
}
