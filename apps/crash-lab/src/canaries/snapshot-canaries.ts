import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The state store with one rule taken away each. */
export const snapshotCanaries: readonly Canary[] = [
  {
    name: "snapshot of what is not durable",
    invariant: "I1",
    store: "state",
    patches: [
      snapshot("state-store.js", "capture: () => ({ seq: this.#states.seq, content: this.#content() })", "capture: () => ({ seq: this.#states.newest.lastSeq, content: this.#content() })"),
      snapshot("state-store.js", "return encoded(codec, this.#states.state);", "return encoded(codec, this.#states.newest.state);"),
    ],
    why: "The power goes before the log's records are written: the snapshot holds what the log never had.",
    expects: ["I5"],
  },
  {
    name: "snapshot without checksums",
    invariant: "I3",
    store: "state",
    patches: [
      snapshot("format/scanner.js", "if (crc !== new ByteReader(this.#bytes, 4 + length).u32())", "if (false)"),
      snapshot("format/scanner.js", "if (reader.u32() !== crc32c(this.#bytes.subarray(0, END_BYTES - 4), this.#crc))", "if (reader.u32() < 0)"),
    ],
    why: "A wrong bit is taken for the state, or breaks it, where the snapshot before is sound.",
    expects: ["I1", "I3", "I4", "I5"],
  },
  {
    name: "unreadable snapshots count as kept",
    invariant: "I22",
    store: "state",
    patches: [
      snapshot(
        "snapshot-store.js",
        "const info = await this.#check(entry, signal);",
        "const info = await this.#check(entry, signal).catch(() => ({ ...entry, logId: undefined, createdAtMs: 0, version: 1 }));",
      ),
      snapshot("snapshotter.js", "info.logId === logId || info.seq === 0 || info.key === base", "true"),
    ],
    why: "The only one that can be read is removed for one that cannot.",
    expects: ["I5"],
  },
  {
    name: "log trimmed below the newest snapshot",
    invariant: "I22",
    store: "state",
    patches: [snapshot("snapshotter.js", "const oldest = kept.at(-1);", "const oldest = kept.at(0);")],
    why: "Whoever falls back to the snapshot before has no events behind it.",
    expects: ["I5"],
  },
  {
    name: "state changed before the commit",
    invariant: "I1",
    store: "state",
    patches: [snapshot("state-store.js", "return this.#states.state;\n    }\n    get seq()", "return this.#states.newest.state;\n    }\n    get seq()")],
    why: "Somebody sees an event that the next power cut takes away.",
    expects: ["I1"],
  },
  {
    name: "missing events are passed over",
    invariant: "I4",
    store: "state",
    patches: [
      // On a directory only code that trims too much makes such a gap.
      snapshot("snapshotter.js", "const oldest = kept.at(-1);", "const oldest = kept.at(0);"),
      snapshot("load-state.js", "if (log.firstSeq > baseSeq + 1)", "if (log.firstSeq < 0)"),
      snapshot("load-state.js", "log.readBatches({ from: seq + 1,", "log.readBatches({ from: Math.max(seq + 1, log.firstSeq),"),
    ],
    why: "The events behind a gap are applied to a state that they were not made for.",
    expects: ["I1", "I4", "I7"],
  },
  {
    name: "commits do not say what they are built on",
    invariant: "I4",
    store: "state",
    patches: [snapshot("state-store.js", "{ signal, expectedSeq: lastSeq + 1 }", "{ signal }")],
    why: "A commit is written whose event was made for a state with one that was not.",
    expects: ["I1", "I3", "I4", "I7", "I9", "I11"],
  },
];

function snapshot(file: string, find: string, replace: string): Patch {
  return { package: "snapshot", file, find, replace };
}
