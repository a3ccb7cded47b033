import type { Canary } from "./canary.js";

/** The log on object storage with one rule taken away each of who may write, and of what is told to whom. */
export const walObjectWriterCanaries: readonly Canary[] = [
  {
    name: "no listing after the claim",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-claim.js", find: "if (!(await objects.hasAfter(position, signal)))", replace: "if (true)" }],
    why: "A claim that came late lies where a commit was removed, and its writer writes beside the log.",
    expects: ["I1", "I13"],
    firstSeed: 90,
  },
  {
    name: "ambiguous answer taken as success",
    invariant: "I14",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-create.js",
        find: 'if (answer.state === "taken" && !isAmbiguous)',
        replace: 'if (answer.state === "unknown") return { state: "created" };\n        if (answer.state === "taken" && !isAmbiguous)',
      },
    ],
    why: "What was not applied is acknowledged.",
    expects: ["I1", "I5", "I7", "I13", "I14", "I15"],
  },
  {
    name: "foreign object after an ambiguous attempt means not applied",
    invariant: "I14",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-create.js",
        find: '{ state: "created" } : { state: "taken", outcome: "unknown" };',
        replace: '{ state: "created" } : { state: "taken", outcome: "not_applied" };',
      },
      // Whoever looks whether its position is packed by now notices as well.
      { package: "wal", file: "object-writer.js", find: '(await this.#mayBeRemoved(position)) ? "unknown" : creation.outcome', replace: "creation.outcome" },
    ],
    why: "It was applied, packed and removed, and what lies there is a claim that came late.",
    expects: ["I14"],
    scene: "late-claim-where-it-reads-back",
  },
  {
    name: "retry of a position with other bytes",
    invariant: "I14",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-writer.js",
        find: 'if (hasCode(error, "WAL_FENCED") || !isHoldfastError(error) || error.outcome !== "not_applied")',
        replace: 'if (hasCode(error, "WAL_FENCED") || !isHoldfastError(error))',
      },
    ],
    why: "What was sent first arrives later, and is in the log in place of what is sent now.",
    expects: ["I1", "I3", "I7", "I13", "I14"],
    scene: "given-up-then-packed",
  },
  {
    name: "put without condition",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-create.js", find: "await objects.storage.create(key, bytes, { signal });", replace: "await objects.storage.replace(key, bytes, { signal });" }],
    why: "Two writers both have their object taken, and the later one is left.",
    expects: ["I1", "I3", "I7", "I13", "I14", "I15"],
  },
  {
    name: "position counted before its commit is there",
    invariant: "I4",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-writer.js",
        find: "await this.#create(position, bytes, firstSeq, firstSeq + recordCount - 1);\n        this.#position = position;",
        replace: "this.#position = position;\n        await this.#create(position, bytes, firstSeq, firstSeq + recordCount - 1);",
      },
    ],
    why: "After a commit that did not arrive the next one leaves its position free, and whoever comes takes that for the end.",
    expects: ["I1", "I4", "I5", "I13", "I15"],
  },
  {
    name: "trim may take the newest object",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-writer.js", find: " && commit.position < this.#position)", replace: ")" }],
    why: "The next opener takes its position for one that was never used.",
    expects: ["I1", "I5", "I7", "I13", "I15"],
    scene: "trim-of-everything",
  },
  {
    name: "writer packs its newest object",
    invariant: "I13",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-packer.js", find: "while (count < this.#run.length - 1 && count", replace: "while (count < this.#run.length && count" }],
    why: "Behind its pack the newest object is removed, and its position is used again.",
    expects: ["I1", "I5", "I7", "I13", "I15"],
  },
  {
    name: "merger packs the newest object",
    invariant: "I13",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-merge.js",
        find: "const candidate = listed;\n        listed = next;",
        replace: "const candidate = next;\n        listed = next;",
      },
    ],
    why: "Behind its pack the newest object is removed, and its position is used again.",
    expects: ["I1", "I5", "I7", "I13", "I15"],
  },
  {
    name: "own object recognised by writer id only",
    invariant: "I14",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-create.js",
        find: "isSameId(found, bytes) ?",
        replace: "isSameId(found.subarray(56, 72), bytes.subarray(56, 72)) ?",
      },
    ],
    why: "What a storage has altered is acknowledged.",
    expects: ["I14"],
    scene: "altered-object",
  },
];
