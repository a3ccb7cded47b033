import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** Checkpoints with one rule taken away each. */
export const checkpointCanaries: readonly Canary[] = [
  {
    name: "checkpoint without its checksum",
    invariant: "I3",
    store: "checkpoint",
    patches: [checkpoint("format/envelope.js", "if (new ByteReader(bytes, end).u32() !== checksum(bytes))", "if (false)")],
    why: "A harmed state is restored.",
    expects: ["I2", "I3"],
    firstSeed: 9,
  },
  {
    name: "entry created beside the checkpoint",
    invariant: "I1",
    store: "checkpoint",
    patches: [checkpoint("owned-stream.js", "await createOrAdopt(storage, checkpointKey", "void createOrAdopt(storage, checkpointKey")],
    why: "A save is acknowledged whose checkpoint is not there yet.",
    expects: ["I1", "I5"],
  },
  {
    name: "interrupted save forgotten",
    invariant: "I9",
    store: "checkpoint-objects",
    patches: [checkpoint("owned-stream.js", "this.#doubt = { commit };", "")],
    why: "Two checkpoints stand at one position, of which one was refused; or an owner takes its own entry for that of another.",
    expects: ["I1", "I9", "I11", "I13"],
  },
  {
    name: "older checkpoint of a sequence removed last",
    invariant: "I8",
    store: "checkpoint",
    patches: [
      checkpoint("owned-stream.js", "await removeCheckpoints(this.#context, [...older], this.#position);\n", ""),
      checkpoint("owned-stream.js", "await removeCheckpoints(this.#context, names, this.#position);", "await removeCheckpoints(this.#context, names, this.#position);\n        await removeCheckpoints(this.#context, [...older], this.#position);"),
    ],
    why: "After a crash in between the state stands there again that another has replaced.",
    expects: ["I3", "I8"],
    firstSeed: 45,
  },
  {
    name: "damaged checkpoint passed over silently",
    invariant: "I5",
    store: "checkpoint",
    patches: [checkpoint("read-stored.js", "skipped.push({ entry, error });", "")],
    why: "An older checkpoint is given as the latest, and nobody is told.",
    expects: ["I5"],
  },
  {
    name: "taken position not noticed",
    invariant: "I13",
    store: "checkpoint-objects",
    patches: [checkpoint("owned-stream.js", "if (!isOurs)", "if (false)")],
    why: "Who was superseded is told that its checkpoint is saved.",
    expects: ["I1", "I13"],
  },
  {
    name: "no listing after the claim of a stream",
    invariant: "I13",
    store: "checkpoint-objects",
    patches: [checkpoint("claim-stream.js", "if (isCreated && newestOf(await listEntries(context, position, signal, 1)) === 0)", "if (isCreated)")],
    why: "A claim lies where an entry was removed, and its owner saves beside the stream.",
    expects: ["I1", "I5", "I11", "I13"],
    firstSeed: 155,
  },
  {
    name: "claims of a stream removed",
    invariant: "I13",
    store: "checkpoint-objects",
    patches: [checkpoint("stream-names.js", 'if (kind === "commit" && position < newest', "if (position < newest")],
    why: "Who was superseded finds its next position free.",
    expects: ["I1", "I13"],
  },
  {
    name: "checkpoint counts without its entry",
    invariant: "I13",
    store: "checkpoint-objects",
    patches: [checkpoint("stream-names.js", 'if (entry !== "commit")\n            continue;', "")],
    why: "What was saved by somebody who was superseded is read as the latest.",
    expects: ["I1", "I8", "I9", "I13"],
  },
];

function checkpoint(file: string, find: string, replace: string): Patch {
  return { package: "checkpoint", file, find, replace };
}
