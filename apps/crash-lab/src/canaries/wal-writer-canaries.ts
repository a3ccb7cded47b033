import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The log with one rule of its writer taken away each. Most have the name that the rule has in the model of the protocol. */
export const walWriterCanaries: readonly Canary[] = [
  {
    name: "two commits in flight",
    invariant: "I4",
    store: "wal",
    patches: [
      { package: "wal", file: "log.js", find: "if (this.#busy || this.#failure !== undefined || this.#closed)", replace: "if (this.#failure !== undefined || this.#closed)" },
      { package: "wal", file: "log.js", find: "if (this.#busy || this.#pumpScheduled)", replace: "if (this.#pumpScheduled)" },
      segment("return this.#file.append(bytes, { at: offset }).then(() => {", "const end = offset + bytes.length;\nthis.#end = end;\nthis.#writtenSeq = lastSeq;\nreturn this.#file.append(bytes, { at: offset }).then(() => {"),
      segment("this.index.add(this.#writtenSeq + 1, offset);\n            this.#end = offset + bytes.length;\n            this.#writtenSeq = lastSeq;", ""),
      segment("            this.#durableEnd = this.#end;\n                this.#durableSeq = lastSeq;", "            this.#durableEnd = Math.max(this.#durableEnd, end);\n                this.#durableSeq = Math.max(this.#durableSeq, lastSeq);"),
      {
        package: "storage-fs",
        file: "append-file.js",
        find: "    append(bytes, options) {\n",
        replace: `    append(bytes, options) {
        const from = options?.at ?? this.#size;
        this.#size = Math.max(this.#size, from + bytes.byteLength);
        return this.#file.write(bytes, from).then(() => undefined, (error) => { throw this.#poisonBy(error, "append", from); });
    }
    appendInTurn(bytes, options) {
`,
      },
    ],
    why: "A commit that is durable before the one in front of it is lost with the hole, though it was acknowledged.",
    expects: ["I1", "I4", "I5"],
    scene: "failed-append-among-others",
  },
  {
    name: "frame vouches for itself",
    invariant: "I5",
    store: "wal",
    patches: [
      segment("frame.durableThrough = this.#durableEnd;", "frame.durableThrough = offset + FRAME_HEADER_BYTES + bodyBytes;"),
      format("segment.js", "frame.durableThrough > offset)", "frame.durableThrough > offset + FRAME_HEADER_BYTES + frame.bodyBytes)"),
      format("walk.js", "if (frame.durableThrough > walk.end)", "if (frame.durableThrough > offset + FRAME_HEADER_BYTES + bodyBytes)"),
    ],
    why: "The header of a torn commit states that the commit is durable, so an interrupted write is called damage.",
    expects: ["I1", "I5"],
  },
  {
    name: "begin and commit in one sync",
    invariant: "I5",
    store: "wal",
    patches: [
      segment("await this.#file.append(encodeBegin(begin, this.check), { at: BEGIN_OFFSET });", "this.held = encodeBegin(begin, this.check);"),
      segment("return this.#file.append(bytes, { at: offset }).then(() => {", "return this.writeBehindHeld(bytes, offset).then(() => {"),
      segment("    async #appendSynced(bytes, offset) {\n        await this.#file.append(bytes, { at: offset });", "    async #appendSynced(bytes, offset) {\n        await this.writeBehindHeld(bytes, offset);"),
      segment(
        "    get hasFrames() {",
        `    writeBehindHeld(bytes, offset) {
        const { held } = this;
        if (held === undefined) return this.#file.append(bytes, { at: offset });
        this.held = undefined;
        const all = new Uint8Array(offset + bytes.length - BEGIN_OFFSET);
        all.set(held);
        all.set(bytes, offset - BEGIN_OFFSET);
        return this.#file.append(all, { at: BEGIN_OFFSET });
    }
    get hasFrames() {`,
      ),
      // A begin that is written for its floor is not held back.
      writer(
        "this.#use(await this.#files.withReserve(() => this.#begin(this.#inheritingBegin(followHead(this.#found), floor))));",
        "const segment = await this.#files.withReserve(() => this.#begin(this.#inheritingBegin(followHead(this.#found), floor)));\nawait segment.writeBehindHeld(new Uint8Array(0), 8192);\nthis.#use(segment);",
      ),
    ],
    why: "A write is torn: the commit is there, the begin in front of it is not, and that is what damage looks like.",
    expects: ["I1", "I5"],
    scene: "torn-appends",
  },
  {
    name: "header not synced before the file grows",
    invariant: "I5",
    store: "wal",
    patches: [
      segment("await file.append(encodeSegmentHeader(header));", "const held = encodeSegmentHeader(header);"),
      segment("return new ActiveSegment(key, header, file, making.sync);", "const segment = new ActiveSegment(key, header, file, making.sync);\nsegment.held = held;\nreturn segment;"),
      segment(
        "await this.#file.append(encodeBegin(begin, this.check), { at: BEGIN_OFFSET });",
        "await this.#file.append(Buffer.concat([this.held, encodeBegin(begin, this.check)]), { at: 0 });",
      ),
    ],
    why: "Bytes behind a bad header mean that a durable header was harmed; here a power loss leaves them.",
    expects: ["I5"],
    scene: "torn-creation",
  },
  {
    name: "directory entry not synced",
    invariant: "I1",
    store: "wal",
    patches: [{ package: "storage-fs", file: "open-for-appending.js", find: "await publishName(key, directories, failure);", replace: "" }],
    why: "Every frame of a segment is durable, and its name is not.",
    expects: ["I1", "I5"],
  },
  {
    name: "reserved space comes with the header",
    invariant: "I5",
    store: "wal",
    patches: [{ package: "storage-fs", file: "reservation.js", find: "if (this.#stopped || end <= this.#prepared || this.#prepared === 0)", replace: "if (this.#stopped || end <= this.#prepared)" }],
    why: "The file grows in the write that brings its header, so the header can be lost and what was to be zeros can be anything.",
    expects: ["I5"],
    scene: "torn-creation",
  },
  {
    name: "failed write acknowledged after a second sync",
    invariant: "I9",
    store: "wal",
    patches: [
      {
        package: "storage-fs",
        file: "append-file.js",
        find: "return (this.#parts.flush === \"datasync\" ? written.then(this.#datasync) : written).then(this.#written, this.#failed);",
        replace:
          "const flushed = this.#parts.flush === \"datasync\" ? written.then(this.#datasync) : written;\n" +
          "return flushed.catch(() => this.#file.datasync().then(() => this.#bytes.byteLength)).then(this.#written, this.#failed);",
      },
    ],
    why: "The pages of a failed sync are marked clean: the second sync answers ok and does nothing.",
    expects: ["I1", "I3", "I5"],
    scene: "failed-append-then-power",
  },
  {
    name: "short write taken for a whole one",
    invariant: "I11",
    store: "wal",
    patches: [{ package: "storage-fs", file: "append-file.js", find: "if (count !== this.#bytes.byteLength)", replace: "if (count === 0)" }],
    why: "A full disk or a limit cuts a write short, and the rest of an acknowledged record was never written.",
    expects: ["I1", "I5"],
    scene: "failed-append-then-power",
  },
  {
    name: "lack of room poisons",
    invariant: "I11",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "segment-files.js",
        find: 'if (!hasCode(error, "STORAGE_FULL") || error.outcome === "not_applied")',
        replace: "if (error !== undefined)",
      },
    ],
    why: "Making a segment failed for lack of room, which harms nothing; the writer has to go on when there is room.",
    expects: ["I11"],
    scene: "no-room",
  },
  {
    name: "batch written record by record",
    invariant: "I2",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "commit-queue.js",
        find: "const answer = this.#appendBatch(count, encode, options);",
        replace: `const answer = Promise.all(Array.from({ length: count }, (_, index) => {
            this.#startGathering(this.#pool.take());
            return this.append(encode(index), options);
        })).then((all) => ({ first: all[0], last: all.at(-1) }));`,
      },
    ],
    why: "A crash between two commits of one batch leaves a part of it.",
    expects: ["I2"],
  },
  {
    name: "marker in the block of the commit",
    invariant: "I5",
    store: "wal",
    patches: [
      segment("const offset = roundUp(this.#end, BLOCK_BYTES);", "const offset = place(this.#end, this.commitAlignBytes);"),
      format("walk.js", 'if (state === "valid" && commitAt !== markerAt && isMarker(frame))', "if (frame === undefined)"),
    ],
    why: "One harmed block takes a commit and its only evidence, and what is left looks like an interrupted write.",
    expects: ["I1"],
    scene: "harmed-block",
  },
  {
    name: "trim without control frame",
    invariant: "I1",
    store: "wal",
    patches: [writer("await target.trim(floor, this.#now());", "await target.sync();")],
    why: "A floor that stands nowhere is forgotten by the next writer.",
    expects: ["I1", "I5"],
  },
  {
    name: "trim removes before its frame is durable",
    invariant: "I10",
    store: "wal",
    patches: [
      writer(
        "await target.trim(floor, this.#now());",
        "await this.#files.remove(this.#files.numbers.filter((number) => number < floor.number));\nawait target.trim(floor, this.#now());",
      ),
    ],
    why: "A crash in between leaves a log that misses segments.",
    expects: ["I5"],
  },
  {
    name: "segments in use are asked for before a removal",
    invariant: "I4",
    store: "wal",
    patches: [
      tidier(
        "const files = this.#files;\n        await files.remove(",
        "const files = this.#files;\n        const history = new Set(this.#found.chain.segments.map((segment) => segment.number));\n        await files.remove(",
      ),
      tidier("        const history = new Set(this.#found.chain.segments.map((segment) => segment.number));\n        // Voids", "        // Voids"),
    ],
    why: "A segment that is begun and filled while older ones are removed looks as if this handle had given it up.",
    expects: ["I1", "I4", "I5"],
    firstSeed: 504,
  },
  {
    name: "first answer before leftovers are removed",
    invariant: "I10",
    store: "wal",
    patches: [writer("return isFirst ? this.#removed() : undefined;", "return undefined;")],
    why: "A process that dies behind its first answer has removed nothing: each such life leaves one more file.",
    expects: ["I10"],
  },
  {
    name: "removes for a floor that is only seen",
    invariant: "I10",
    store: "wal",
    patches: [writer("async inherit() {", "async inherit() {\nawait this.#files.remove(this.#files.numbers.filter((number) => number < this.#floor.number));")],
    why: "The frame with the floor can be read and is not on the disk: after a power loss the floor is lower again, and the files are gone.",
    expects: ["I5"],
    scene: "trim-fails",
  },
  {
    name: "floor of a begun segment ignored",
    invariant: "I1",
    store: "wal",
    patches: [format("plan.js", "floor: [...candidates.map((it) => it.begin.floor), head.trimFloor,", "floor: [head.trimFloor,")],
    why: "A trim of a writer that wrote nothing else stands in a begin.",
    expects: ["I1", "I5"],
    scene: "trim-before-the-first-append",
  },
  {
    name: "rotation before the old segment is synced",
    invariant: "I5",
    store: "wal",
    patches: [writer("await this.sync();", "")],
    why: "The new segment states of the old one what a power loss takes away.",
    expects: ["I1", "I5"],
    scene: "relaxed-rotation",
  },
  {
    name: "a segment that names no predecessor",
    invariant: "I4",
    store: "wal",
    patches: [writer("predecessor: { number: old.number, provenBytes: old.end },", "predecessor: undefined,")],
    why: "The history ends at the newest segment, and what is before it is taken for leftovers.",
    expects: ["I1", "I4", "I5"],
    scene: "rotation-then-harm",
  },
  {
    name: "synced append in relaxed mode by O_DSYNC alone",
    invariant: "I4",
    store: "wal",
    patches: [
      {
        package: "storage-fs",
        file: "open-for-appending.js",
        find: "        onClose,\n    });",
        replace: `        onClose,
        rewrite: async (bytes, at) => {
            const own = await port.open(parts.directories.path(key), { mode: "write", dsync: true });
            await own.write(bytes, at);
            await own.close();
        },
    });`,
      },
      {
        package: "storage-fs",
        file: "append-file.js",
        find: "    append(bytes, options) {\n",
        replace: "    append(bytes, options) {\n        this.newest = [bytes.slice(), options?.at ?? this.#size];\n",
      },
      {
        package: "storage-fs",
        file: "append-file.js",
        find: "await this.#parts.slots.run(() => this.#file.datasync());",
        replace: "await this.#parts.slots.run(() => (this.newest === undefined ? this.#file.datasync() : this.#parts.rewrite(...this.newest)));",
        times: 2,
      },
    ],
    why: "A synced write pins its own bytes and leaves a hole in front of them.",
    expects: ["I1", "I5"],
  },
];

function segment(find: string, replace: string): Patch {
  return { package: "wal", file: "active-segment.js", find, replace };
}

function writer(find: string, replace: string): Patch {
  return { package: "wal", file: "file-writer.js", find, replace };
}

function tidier(find: string, replace: string): Patch {
  return { package: "wal", file: "file-tidier.js", find, replace };
}

function format(file: string, find: string, replace: string): Patch {
  return { package: "wal", file: `format/${file}`, find, replace };
}
