import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The log with one rule taken away each of those for a small head, whose place the next writer's first segment takes. */
export const walSmallHeadCanaries: readonly Canary[] = [
  {
    name: "head removed when its place is begun",
    invariant: "I10",
    store: "wal",
    patches: [
      writer(
        "const segment = await this.#begin(this.#inheritingBegin(inheritance, this.#floor));",
        `inheritance = { ...inheritance, copies: await Promise.all(inheritance.copies.map(async (copy) => ({ ...copy, bytes: await readCopy(this.#options.storage, copy) }))) };
        const segment = await this.#begin(this.#inheritingBegin(inheritance, this.#floor));
        if (inheritance.absorbsHead) await this.#files.remove([this.#found.head.number]);`,
      ),
      writer('import { absorbHead, followHead } from "./inheritance.js";', 'import { absorbHead, followHead, readCopy } from "./inheritance.js";'),
      { package: "wal", file: "begin-segment.js", find: "const bytes = await readCopy(storage, copy);", replace: "const bytes = copy.bytes ?? (await readCopy(storage, copy));" },
    ],
    why: "A crash between two copies leaves neither the head nor what was to take its place.",
    expects: ["I1", "I5"],
    scene: "place-taken",
  },
  {
    name: "head removed before its copies are vouched for",
    invariant: "I5",
    store: "wal",
    patches: [writer("if (inheritance.copies.length > 0 && !inheritance.absorbsHead)", "if (inheritance.copies.length > 0)")],
    why: "What the head proved has no proof in its copy yet: harm to it goes unnoticed.",
    expects: ["I1", "I5"],
    scene: "place-taken-then-harm",
  },
  {
    name: "head removed for a frame that is not synced",
    invariant: "I5",
    store: "wal",
    patches: [writer("if (this.#options.settings.syncEveryMs === undefined)", "if (this.#hasCommitted)")],
    why: "The frame that vouched for the copies is lost with the power, and the head is gone already.",
    expects: ["I1", "I5"],
    scene: "place-taken-relaxed-then-harm",
  },
  {
    name: "a segment in the head's place holds only the unproven",
    invariant: "I4",
    store: "wal",
    patches: [{ package: "wal", file: "inheritance.js", find: "copies: [...copies, ...unproven(found)]", replace: "copies: unproven(found)" }],
    why: "It names what the head stood on, so what the head held is in no segment of the history.",
    expects: ["I1", "I4", "I5"],
  },
  {
    name: "a segment in the head's place is no source",
    invariant: "I10",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "format/plan.js",
        find: "const source = furthest(head, candidates);",
        replace: "const source = furthest(head, candidates.filter((it) => it.begin.predecessor?.number === head.number));",
      },
    ],
    why: "The copy that was to take the head's place can be the only one there is.",
    expects: ["I1"],
    scene: "place-taken-from-a-failed-write",
  },
  {
    name: "place of the first segment taken",
    invariant: "I10",
    store: "wal",
    patches: [
      { package: "wal", file: "inheritance.js", find: "if (head === undefined || headBegin?.predecessor === undefined || segment === undefined)", replace: "if (head === undefined || headBegin === undefined || segment === undefined)" },
      { package: "wal", file: "inheritance.js", find: "if (!found.numbers.includes(headBegin.predecessor.number) ||", replace: "if (headBegin.predecessor === undefined) {}\n    else if (!found.numbers.includes(headBegin.predecessor.number) ||" },
      { package: "wal", file: "format/segment.js", find: "if (begin.predecessor === undefined ? begin.inheritedThrough !== begin.lastSeq : begin.predecessor.number >= number)", replace: "if (begin.predecessor !== undefined && begin.predecessor.number >= number)" },
    ],
    why: "Of a begun segment that names none before it cannot be told that it holds anything.",
    expects: ["I1", "I5"],
  },
  {
    name: "place taken on a predecessor that was trimmed",
    invariant: "I10",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "inheritance.js",
        find: "if (!found.numbers.includes(headBegin.predecessor.number) || headBegin.predecessor.number < found.floor.number)",
        replace: "if (found === undefined)",
      },
    ],
    why: "What was begun names a segment that a later opening removes.",
    expects: ["I5"],
    scene: "trim-of-a-first-segment",
  },
];

function writer(find: string, replace: string): Patch {
  return { package: "wal", file: "file-writer.js", find, replace };
}
