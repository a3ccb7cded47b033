import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The runtime store with one rule taken away each. */
export const runtimeCanaries: readonly Canary[] = [
  {
    name: "runtime changed before the commit",
    invariant: "I1",
    store: "runtime",
    patches: [
      runtime("store.js", "this.#pending.begin(changes);", "this.#pending.begin(changes);\n        this.#state.apply(changes, expectedSeq);"),
      runtime("store.js", "this.#state.apply(changes, seq);", ""),
    ],
    why: "Somebody sees a mutation that the next power cut takes away.",
    expects: ["I1"],
  },
  {
    name: "journal trimmed below the newest snapshot",
    invariant: "I22",
    store: "runtime",
    patches: [runtime("pages/sealer.js", "const oldest = this.#kept[0];", "const oldest = this.#kept.at(-1);")],
    why: "Whoever falls back to the snapshot before has no mutations behind it.",
    expects: ["I1", "I5"],
  },
  {
    name: "journal trimmed before the snapshot is there",
    invariant: "I1",
    store: "runtime",
    patches: [runtime("pages/sealer.js", "await storage.create(snapshotKey(settings.prefix, name), snapshot);", "await log.trim(cut.seq + 1);\n        await storage.create(snapshotKey(settings.prefix, name), snapshot);")],
    why: "A crash between the two leaves neither.",
    expects: ["I1", "I5"],
  },
  {
    name: "snapshot of a runtime without its checksum",
    invariant: "I3",
    store: "runtime",
    patches: [runtime("stored/snapshot.js", "if (new ByteReader(bytes, bytes.length - 4).u32() !== crc32c(bytes.subarray(0, -4)))", "if (false)")],
    why: "A wrong bit is taken for the runtime, or breaks it, where the snapshot before is sound.",
    expects: ["I1", "I3", "I4", "I5", "I7"],
  },
  {
    name: "snapshot with what is in memory left out",
    invariant: "I1",
    store: "runtime",
    patches: [runtime("pages/transcript-pages.js", "if (entries === 0)\n        return result;", "return result;")],
    why: "Entries are in no page, and the journal that has them is trimmed.",
    expects: ["I1", "I4", "I5"],
  },
  {
    name: "mutations do not say what they are built on",
    invariant: "I4",
    store: "runtime",
    patches: [runtime("store.js", "this.#log.append(record, { expectedSeq })", "this.#log.append(record)")],
    why: "A mutation is written that was made for a runtime with one that was not.",
    expects: ["I1", "I3", "I4", "I7", "I9", "I11"],
  },
  {
    name: "batch counts as written before it is",
    invariant: "I1",
    store: "runtime",
    patches: [
      runtime("projection/projector.js", "await applyProjection(prepared, place);", ""),
      runtime(
        "projection/projector.js",
        "await commit([{ type: \"projected\", files: prepared.steps.map(({ key, after }) => changedFile(place.prefix, key, after)) }]);",
        "await commit([{ type: \"projected\", files: prepared.steps.map(({ key, after }) => changedFile(place.prefix, key, after)) }]);\n        await applyProjection(prepared, place);",
      ),
    ],
    why: "After a crash between the two the old files look like somebody else's new ones, and are taken over.",
    expects: ["I1", "I4", "I5"],
  },
  {
    name: "interrupted batch taken for finished",
    invariant: "I4",
    store: "runtime",
    patches: [runtime("state/projection-state.js", "this.batch = this.#unwritten.asOf(state);", "this.batch = state.seq === 0 ? undefined : this.batch;")],
    why: "What was to be written is in no file.",
    expects: ["I1", "I4", "I5"],
  },
];

function runtime(file: string, find: string, replace: string): Patch {
  return { package: "runtime", file, find, replace };
}
