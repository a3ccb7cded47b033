import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** Replication and restore, source and target apart from each other, with one rule taken away each. */
export const replicaObjectsCanaries: readonly Canary[] = [
  {
    name: "snapshot in the replica before its WAL is",
    invariant: "I4",
    store: "replica-objects",
    patches: [replica("snapshot-shipper.js", "seq < this.#writer.nextSeq && ", "")],
    why: "What lies between the WAL and the snapshot can be restored to by nobody.",
    expects: ["I4"],
  },
  {
    name: "retention without its time of grace",
    invariant: "I15",
    store: "replica-objects",
    patches: [replica("retention.js", "const thenMs = nowMs - graceMs;", "const thenMs = nowMs;")],
    why: "A restore that is under way loses what it reads.",
    expects: ["I5"],
  },
  {
    name: "retention before a snapshot that nobody can read",
    invariant: "I22",
    store: "replica-objects",
    patches: [replica("retention.js", "older.length > 0 && !(await isUsable({ generation, index: keepFromIndex }))", "false")],
    why: "The snapshot before a damaged one, which stands in for it, is removed.",
    expects: ["I5"],
  },
  {
    name: "generation of another log gone on with",
    invariant: "I20",
    store: "replica-objects",
    patches: [
      replica("begin-stream.js", "entry?.logId === logId", "entry !== undefined"),
      replica("begin-stream.js", "(end !== undefined && end.logId !== logId)", "false"),
      replica("begin-stream.js", '"base" in found && found.base.logId === logId', '"base" in found'),
    ],
    why: "What was restored is replicated behind what it was restored from.",
    expects: ["I5", "I20"],
  },
  {
    name: "lost answer of the target taken as success",
    invariant: "I14",
    store: "replica-objects",
    patches: [
      replica(
        "replica-client.js",
        'if (hasCode(error, "STORAGE_ALREADY_EXISTS")) {',
        'if (isHoldfastError(error) && error.outcome === "unknown") return { key: object.key, size: 0, modifiedAt: 0, outcome: "created", rawSize: source.bytes };\n                if (hasCode(error, "STORAGE_ALREADY_EXISTS")) {',
      ),
    ],
    why: "Somebody is told of a segment that never arrived.",
    expects: ["I5", "I11", "I15"],
  },
  {
    name: "restored to a time without its last commit",
    invariant: "I15",
    store: "replica-objects",
    patches: [replica("read-target.js", "commit.committedAtMs > timeMs", "commit.committedAtMs >= timeMs"), replica("last-seq.js", "(committedAtMs > timeMs)", "(committedAtMs >= timeMs)")],
    why: "What was committed at the time that was asked for is not there.",
    expects: ["I5", "I15"],
  },
  {
    name: "replica listed up to its first page",
    invariant: "I14",
    store: "replica-objects",
    patches: [{ package: "storage-s3", file: "listing.js", find: 'if (isTruncated === "false")', replace: "if (true)" }],
    why: "The newest segments stand on the last page.",
    expects: ["I1", "I4", "I5", "I11", "I13", "I15"],
  },
  {
    name: "index claimed by replacing",
    invariant: "I13",
    store: "replica-objects",
    patches: [replica("replica-client.js", "await this.#storage.create(object.key", "await this.#storage.replace(object.key")],
    why: "Of two replicators that claim an index both have it.",
    expects: ["I5", "I11", "I15"],
  },
  {
    name: "list believed that retention was faster than",
    invariant: "I15",
    store: "replica-objects",
    patches: [replica("restore-plan.js", "await requireThere(client, found.base, options);", ";")],
    why: "Where the WAL behind a snapshot is gone with it, nothing seems to have come behind it.",
    expects: ["I5", "I15"],
    firstSeed: 205,
  },
  {
    name: "snapshot of a restored store passed over",
    invariant: "I15",
    store: "replica-objects",
    patches: [replica("log-snapshots.js", "info.logId === undefined && (info.seq === 0 || info.seq < source.firstSeq)", "info.logId === undefined && info.seq === 0")],
    why: "What was restored and is replicated again has no beginning.",
    expects: ["I5", "I11", "I15"],
  },
  {
    name: "generation gone on with by an older copy of its log",
    invariant: "I20",
    store: "replica-objects",
    patches: [
      replica("begin-stream.js", 'return Buffer.compare(record.value, last) === 0 ? "same" : "different";', 'return "same";'),
      replica("replicator.js", "if (record === undefined || Buffer.compare(record.value, value) !== 0)", "if (false)"),
    ],
    why: "What the copy has written since comes behind records that it never had.",
    expects: ["I5", "I15", "I20"],
    firstSeed: 345,
  },
  {
    name: "register of generations written by replacing",
    invariant: "I13",
    store: "replica-objects",
    patches: [replica("generation-register.js", "await this.#storage.create(this.#key(entry.number)", "await this.#storage.replace(this.#key(entry.number)")],
    why: "Two who begin at the same time begin one generation each, and the register forgets one of them.",
    expects: ["I13", "I15"],
    firstSeed: 100,
  },
  {
    name: "commits as old as their restore",
    invariant: "I15",
    store: "replica-objects",
    patches: [replica("restore.js", "return this.committedAtMs;", "return this.committedAtMs || this.#clock.now();")],
    why: "On object storage no commit is older than the claim before it: a restored log has no times to restore it to.",
    expects: ["I15"],
  },
];

function replica(file: string, find: string, replace: string): Patch {
  return { package: "replica", file, find, replace };
}
