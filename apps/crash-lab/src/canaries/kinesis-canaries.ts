import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The native Kinesis store, and the one in directories of ferrokinesis, with one rule taken away each. */
export const kinesisCanaries: readonly Canary[] = [
  {
    name: "table changed in place",
    invariant: "I1",
    store: "kinesis",
    patches: [
      kinesis(
        "native/sorted-map.js",
        "return new SortedMap(this.#pages.with(index, page.with(at, [key, value])), this.size);",
        "{ page[at] = [key, value]; return this; }",
      ),
    ],
    why: "The state shows an event that is not durable, and that a refused batch or a power cut takes away.",
    expects: ["I1", "I3", "I4"],
  },
  {
    name: "snapshot without transitions",
    invariant: "I3",
    store: "kinesis",
    patches: [kinesis("native/tables-codec.js", 'yield { kind: "PutTransition", transition };', "void transition;")],
    why: "What was under way is forgotten by the first opening from a snapshot.",
    expects: ["I3", "I5"],
  },
  {
    name: "shard without records left out of a snapshot",
    invariant: "I3",
    store: "kinesis",
    patches: [kinesis("native/tables-codec.js", "if (records.length > 0 || count === 0)", "if (records.length > 0)")],
    why: "An event about it was taken, and is refused when it is replayed behind the snapshot.",
    expects: ["I3", "I5"],
  },
  {
    name: "shard counters as numbers",
    invariant: "I21",
    store: "kinesis",
    patches: [
      kinesis(
        "native/event-codec.js",
        'counter: omittable("counter", positioned(u64))',
        'counter: omittable("counter", positioned({ ...u64, read: (reader) => BigInt(Number(u64.read(reader))) }))',
      ),
    ],
    why: "Above 2^53 another counter comes out than went in, and a sequence number is given out twice.",
    expects: ["I3"],
  },
  {
    name: "log emptied before its snapshot is there",
    invariant: "I1",
    store: "kinesis-directory",
    patches: [
      kinesis(
        "directory.js",
        "await this.#parts.writer.replaceSnapshot(snapshot);\n        await this.#write((writer) => writer.emptyLog());",
        "await this.#write((writer) => writer.emptyLog());\n        await this.#parts.writer.replaceSnapshot(snapshot);",
      ),
    ],
    why: "A crash in between leaves the snapshot before, and nothing behind it.",
    expects: ["I1"],
  },
  {
    name: "time of a state by the clock alone",
    invariant: "I7",
    store: "kinesis-directory",
    patches: [kinesis("directory.js", "const next = now > this.#lastCreatedAtMs ? now : this.#lastCreatedAtMs + 1n;", "const next = now;")],
    why: "A clock steps back, and the log looks older than the snapshot in front of it.",
    expects: ["I1", "I4", "I7"],
  },
  {
    name: "snapshot believed before its log",
    invariant: "I1",
    store: "kinesis-directory",
    patches: [kinesis("choose-state.js", "if (superseded === entries.length || last === undefined)", "if (superseded >= 0 || last === undefined)")],
    why: "What was appended behind the last snapshot is not looked at.",
    expects: ["I1"],
  },
  {
    name: "entry not waited for",
    invariant: "I1",
    store: "kinesis-directory",
    patches: [kinesis("state-writer.js", "await this.#log.append(entry);", "this.#log.append(entry).catch(() => undefined);")],
    why: "It is acknowledged while it is being written.",
    expects: ["I1", "I5", "I11"],
  },
];

function kinesis(file: string, find: string, replace: string): Patch {
  return { package: "kinesis", file, find, replace };
}
