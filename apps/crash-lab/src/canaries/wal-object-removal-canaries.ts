import type { Canary } from "./canary.js";

/** The log on object storage with one rule taken away each of what may be removed, when, and what has to be there before. */
export const walObjectRemovalCanaries: readonly Canary[] = [
  {
    name: "trim deletes claims",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-trim.js", find: "if (bytes !== OBJECT_HEADER_BYTES)\n            yield key;", replace: "yield key;" }],
    why: "The claim was all that stopped a writer that stood still.",
    expects: ["I1", "I5", "I7", "I13", "I14", "I15"],
  },
  {
    name: "writer's merge deletes claims",
    invariant: "I13",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-packer.js",
        find: "packed.flatMap((it, index) => (it.length === OBJECT_HEADER_BYTES ? [] : [logKey(prefix, first + index)]))",
        replace: "packed.map((_, index) => logKey(prefix, first + index))",
      },
    ],
    why: "The claim was all that stopped a writer that stood still.",
    expects: ["I1", "I5", "I7", "I13", "I14", "I15"],
  },
  {
    name: "cleaning up deletes claims",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-trim.js", find: "if (bytes === OBJECT_HEADER_BYTES)\n            continue;", replace: "" }],
    why: "The claim was all that stopped a writer that stood still.",
    expects: ["I1", "I5", "I7", "I13", "I14", "I15"],
  },
  {
    name: "trim deletes before the floor exists",
    invariant: "I4",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-writer.js",
        find: "await createShared(this.objects, trimKey",
        replace: "await removeTrimmed(this.objects, last.position, this.#removedThrough);\n        await createShared(this.objects, trimKey",
      },
    ],
    why: "If it dies in between, the log begins with a hole.",
    expects: ["I1", "I4", "I5", "I15"],
  },
  {
    name: "deletes after an ambiguous floor or pack",
    invariant: "I4",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-create.js", find: "if (!(found instanceof Uint8Array))\n        throw undecided(objects, key, answer.error);", replace: "if (!(found instanceof Uint8Array))\n        return;" }],
    why: "What should have taken the place of the removed is not there.",
    expects: ["I1", "I4", "I5", "I15"],
    firstSeed: 79,
  },
  {
    name: "trim removes every floor but its own",
    invariant: "I4",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-trim.js",
        find: "await removeLowerFloors(objects, signal);\n}",
        replace: "await objects.remove((await objects.listFloors(signal)).filter((it) => it !== floor).map((it) => trimKey(objects.prefix, it)), signal);\n}",
      },
    ],
    why: "A slow trim removes the higher floor of another, below which everything is gone.",
    expects: ["I1", "I4", "I5", "I15"],
    scene: "slow-trim",
  },
  {
    name: "writer deletes before the pack exists",
    invariant: "I4",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-packer.js",
        find: "await createShared(this.#objects, packKey(prefix, { first, last }), encodePack(packed));",
        replace:
          "await this.#objects.remove(packed.flatMap((it, index) => (it.length === OBJECT_HEADER_BYTES ? [] : [logKey(prefix, first + index)])));\n            await createShared(this.#objects, packKey(prefix, { first, last }), encodePack(packed));",
      },
    ],
    why: "If it dies in between, records are gone.",
    expects: ["I1", "I4", "I5", "I15"],
  },
  {
    name: "merger deletes before the pack exists",
    invariant: "I4",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-merge.js", find: "await createShared(objects, packKey", replace: "await removePacked(objects, first, last, signal);\n    await createShared(objects, packKey" }],
    why: "If it dies in between, records are gone.",
    expects: ["I1", "I4", "I5", "I15"],
  },
  {
    name: "merger reads without the check afterwards",
    invariant: "I4",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-merge.js", find: "if (await new PackList(objects, first - 1, signal).overlaps(first, last))\n        return false;", replace: "" }],
    why: "It packs a claim that came late in place of the commit that was removed there.",
    expects: ["I5"],
    scene: "merged-meanwhile",
  },
];
