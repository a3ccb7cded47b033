import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** Replication and restore with one rule taken away each. */
export const replicaCanaries: readonly Canary[] = [
  {
    name: "records shipped that may still be lost",
    invariant: "I15",
    store: "replica",
    patches: [{ package: "wal", file: "head-segment.js", find: "this.#prove(proven);", replace: "this.#prove(Infinity);" }],
    why: "After a power loss the replica has what the log never had.",
    expects: ["I15"],
    firstSeed: 19,
  },
  {
    name: "record in the replica before its segment is",
    invariant: "I15",
    store: "replica",
    patches: [replica("stream-writer.js", "const { outcome, rawSize } = await this.#write", "this.#nextSeq = nextSeq;\n        const { outcome, rawSize } = await this.#write")],
    why: "Who waited for a record is told that it is safe, and it is not there.",
    expects: ["I5", "I15"],
  },
  {
    name: "segment replaced instead of created",
    invariant: "I13",
    store: "replica",
    patches: [replica("replica-client.js", "await this.#storage.create(object.key", "await this.#storage.replace(object.key")],
    why: "A replicator that was superseded writes over the claim of its successor.",
    expects: ["I5", "I11", "I15"],
  },
  {
    name: "no look for a successor behind a segment",
    invariant: "I13",
    store: "replica",
    patches: [replica("stream-writer.js", "await this.#requireOwned(options);", "")],
    why: "A replicator that was superseded tells of records that do not count.",
    expects: ["I15"],
  },
  {
    name: "retention of nothing",
    invariant: "I15",
    store: "replica",
    patches: [
      replica("retention.js", "isUsed(generation) ? countedFrom(snapshots, keep, thenMs) : undefined", "undefined"),
      replica("retention.js", "needsSnapshot ? [] : removable", "removable"),
      replica("retention.js", "(!isUsed(generation) && !isNew)", "!isNew"),
    ],
    why: "The only snapshot is removed because it is old.",
    expects: ["I5", "I15"],
  },
  {
    name: "restore passes over what is missing",
    invariant: "I15",
    store: "replica",
    patches: [
      replica("wal-downloader.js", "if (segment.offset !== end)", "if (false)"),
      replica("stream-reader.js", "if (link !== undefined && head.previousLink !== link)", "if (false)"),
      replica("stream-reader.js", "if (firstSeq !== undefined && head.firstSeq !== firstSeq)", "if (false)"),
      replica("read-commits.js", "if (bytes !== undefined && reader.bytes !== bytes)", "if (false)"),
      replica("restore.js", "{ expectedSeq: firstSeq }", "{}"),
    ],
    why: "A log is restored that lacks records in its middle.",
    expects: ["I15"],
  },
  {
    name: "restore without checksums",
    invariant: "I3",
    store: "replica",
    patches: [
      replica("object-codec.js", "if (tail.crc !== found.crc || tail.rawSize !== found.rawSize)", "if (false)"),
      replica("format/log-stream.js", "crc32c(body) !== bodyCrc", "false"),
      replica("lz4-decoder.js", "(await this.#u32()) !== hash.digest()", "(await this.#u32()) < 0"),
    ],
    why: "A harmed record is restored.",
    expects: ["I3", "I15"],
  },
  {
    name: "damage in a replica ends its replication",
    invariant: "I11",
    store: "replica",
    patches: [replica("begin-stream.js", "if (!isDamage(error))", "if (true)")],
    why: "Whoever has a damaged replica has none any more, until somebody notices.",
    expects: ["I5"],
  },
  {
    name: "no marker of a restore",
    invariant: "I20",
    store: "replica",
    patches: [replica("restore.js", "await to.create(marker, new TextEncoder().encode(`${plan.generation}\\n`), { signal });", "")],
    why: "A part of a log is opened as the whole.",
    expects: ["I5", "I15"],
  },
];

function replica(file: string, find: string, replace: string): Patch {
  return { package: "replica", file, find, replace };
}
