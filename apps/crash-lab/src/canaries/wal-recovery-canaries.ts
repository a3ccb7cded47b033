import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The log with one rule of its recovery taken away each. Most have the name that the rule has in the model of the protocol. */
export const walRecoveryCanaries: readonly Canary[] = [
  {
    name: "recovery syncs and trusts the view",
    invariant: "I1",
    store: "wal",
    patches: [
      believeWhatCanBeRead(),
      inherit("const head = this.#found.chain.segments.at(-1); if (head !== undefined) await (await this.#options.appendable.open(head.key, { mode: \"continue\" })).close();"),
    ],
    why: "After a failed sync the cache shows bytes that are gone, and a second sync answers ok: what is delivered then is lost with the power.",
    expects: ["I1"],
    scene: "failed-write-in-view",
  },
  {
    name: "unproven tail is not copied",
    invariant: "I1",
    store: "wal",
    patches: [believeWhatCanBeRead()],
    why: "What can be read is delivered although nothing proves that it is durable.",
    expects: ["I1"],
  },
  {
    name: "recovery seals unproven bytes",
    invariant: "I6",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "file-writer.js",
        find: "import { BLOCK_BYTES, FRAME_HEADER_BYTES, FrameKind, SEGMENT_HEADER_BYTES, TRIM_BODY_BYTES } from \"./format/segment.js\";",
        replace:
          "import { BLOCK_BYTES, FRAME_HEADER_BYTES, FrameKind, SEGMENT_HEADER_BYTES, TRIM_BODY_BYTES, encodeFrameHeader, frameCheck, roundUp } from \"./format/segment.js\";\n" +
          "import { frameEnd } from \"./format/walk.js\";",
      },
      inherit(`
        const { source, copy, nextSeq, committedAtMs } = this.#found;
        if (copy.length > 0) {
          const end = frameEnd(copy.at(-1));
          const at = roundUp(end, BLOCK_BYTES);
          const check = frameCheck(source.header.salt);
          const bytes = new Uint8Array(FRAME_HEADER_BYTES);
          const marker = { kind: FrameKind.marker, bodyBytes: 0, recordCount: 0, firstSeq: nextSeq, committedAtMs, durableThrough: end, bodyCrc: 0 };
          encodeFrameHeader(bytes, 0, marker, check.mark, check.seedAt(at));
          const file = await this.#options.appendable.open(source.key, { mode: "continue" });
          await file.truncate(end);
          await file.append(bytes, { at });
          await file.close();
          return false;
        }`),
    ],
    why: "A marker behind an unproven commit states that it is durable; when it is not, the log calls itself damaged.",
    expects: ["I1", "I5"],
    scene: "failed-write-in-view",
  },
  {
    name: "a complete segment may be named",
    invariant: "I1",
    store: "wal",
    patches: [
      plan(
        'if (scan.class === "established" || (scan.class === "begun" && number === named)) {',
        'if (scan.class === "established" || (scan.class === "begun" && (number === named || (scan.proven > 0 && scan.lastSeq >= scan.begin.inheritedThrough)))) {',
      ),
    ],
    why: "A copy that can be read and is not durable becomes what the history stands on.",
    expects: ["I1"],
    scene: "copy-fails-then-no-room",
  },
  {
    name: "segment counts from its first frame",
    invariant: "I10",
    store: "wal",
    patches: [walk("if (walk.inheritedEnd === undefined || walk.proven < walk.inheritedEnd)", "if (walk.proven < FIRST_FRAME_OFFSET)")],
    why: "An opening that was cut short between two copies cuts off the rest of them.",
    expects: ["I1"],
    scene: "several-copies",
  },
  {
    name: "segment counts from its begin",
    invariant: "I10",
    store: "wal",
    patches: [
      scan("const proven = Math.max(walk.proven, evidence.proven);", "const proven = Math.max(FIRST_FRAME_OFFSET, walk.proven, evidence.proven);"),
      scan('class: walk.established ? "established" : "begun",', 'class: "established",'),
    ],
    why: "An opening that was cut short before its copies hides what it was to copy.",
    expects: ["I1", "I5"],
  },
  {
    name: "source read again without a check",
    invariant: "I3",
    store: "wal",
    patches: [
      inheritance("if (!isSame)", "if (header === null)"),
      inheritance("return crc32c(bytes.subarray(FRAME_HEADER_BYTES), check.seedAt(frame.offset)) === header.bodyCrc ? bytes : undefined;", "return bytes;"),
    ],
    why: "What left the cache since the plan was made is copied as it reads now, under a checksum that fits.",
    expects: ["I3", "I5"],
    scene: "source-leaves-the-cache",
  },
  {
    name: "copies only from the head",
    invariant: "I10",
    store: "wal",
    patches: [plan("return [...candidates, head].reduce((best, it) => (it.lastSeq > best.lastSeq ? it : best));", "return head;")],
    why: "The copy that an earlier opening made can be the only one there is.",
    expects: ["I1"],
    scene: "only-copy",
  },
  {
    name: "copies only from a complete candidate",
    invariant: "I4",
    store: "wal",
    patches: [
      plan(
        "return [...candidates, head].reduce(",
        "return [...candidates.filter((it) => it.lastSeq >= it.begin.inheritedThrough), head].reduce(",
      ),
    ],
    why: "Where the last of several copies is harmed, those before it are dropped with it.",
    expects: ["I1"],
    scene: "harmed-copy",
  },
  {
    name: "voids removed before the copies are durable",
    invariant: "I10",
    store: "wal",
    patches: [firstOn("await this.#files.remove(this.#found.voids);")],
    why: "One of the files that an opening replaces can be the one that it copies from.",
    expects: ["I1", "I5"],
    scene: "only-copy",
  },
  {
    name: "new segment names the newest file",
    invariant: "I6",
    store: "wal",
    patches: [{ package: "wal", file: "file-recovery.js", find: "head: { number, provenBytes },", replace: "head: { number: numbers.at(-1) ?? number, provenBytes }," }],
    why: "The newest file can be one that was made and never used.",
    expects: ["I1", "I5"],
  },
  {
    name: "statement of an unfinished begin ignored",
    invariant: "I5",
    store: "wal",
    patches: [plan("const followers = candidates.filter((it) => it.begin.predecessor?.number === head.number);", "const followers = [];")],
    why: "The last commit before an interrupted rotation has no other evidence: harm to it goes unnoticed.",
    expects: ["I1", "I7"],
    scene: "rotation-then-harm",
  },
  {
    name: "number reused",
    invariant: "I7",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "file-recovery.js",
        find: "newNumber: plan.newNumber,",
        replace: 'newNumber: plan.kind === "new" ? 1 : plan.head.link.number + 1,',
        times: 2,
      },
      {
        package: "wal",
        file: "segment-files.js",
        find: "const number = this.#nextNumber++;",
        replace: "const number = this.#nextNumber++;\n await this.#options.storage.remove([segmentKey(prefix, number)]);",
      },
    ],
    why: "The file that has the number already can be the one that is to be copied.",
    expects: ["I1", "I5"],
    scene: "only-copy",
  },
];

/** In the plan: everything that can be read of the head counts as durable. */
function believeWhatCanBeRead(): Patch {
  return plan(
    "const end = followers.reduce((most, it) => Math.max(most, it.begin.predecessor?.provenBytes ?? 0), head.proven);",
    "const end = head.end;",
  );
}

function plan(find: string, replace: string): Patch {
  return { package: "wal", file: "format/plan.js", find, replace };
}

function scan(find: string, replace: string): Patch {
  return { package: "wal", file: "format/scan.js", find, replace };
}

function walk(find: string, replace: string): Patch {
  return { package: "wal", file: "format/walk.js", find, replace };
}

function inheritance(find: string, replace: string): Patch {
  return { package: "wal", file: "inheritance.js", find, replace };
}

/** Code that runs when what was found is about to be copied. */
function inherit(code: string): Patch {
  return { package: "wal", file: "file-writer.js", find: "async inherit() {", replace: `async inherit() {\n${code}` };
}

/** Code that runs when the first segment of a writer is begun and nothing was copied into it. */
function firstOn(code: string): Patch {
  const find = "const segment = await this.#begin(this.#inheritingBegin(inheritance, this.#floor));";
  return { package: "wal", file: "file-writer.js", find, replace: `${find}\n${code}` };
}
