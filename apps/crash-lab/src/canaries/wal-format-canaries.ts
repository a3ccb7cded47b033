import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The log with one rule taken away each of how its bytes are checked and read. */
export const walFormatCanaries: readonly Canary[] = [
  {
    name: "checksum without salt",
    invariant: "I5",
    store: "wal",
    patches: [format("checksum.js", "export function frameCheck(salt) {", "export function frameCheck() {\n    const salt = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);")],
    why: "A record that holds frames of another log passes for frames of this one when the commit around it is torn.",
    expects: ["I5"],
    scene: "embedded-frames",
  },
  {
    name: "checksum without place and sequence",
    invariant: "I3",
    store: "wal",
    patches: [
      format("checksum.js", "return (offset) => ~step(step(start ^ offset) ^ (offset / 0x1_0000_0000)) >>> 0;", "return () => ~step(step(start)) >>> 0;"),
      format("walk.js", "if (firstSeq !== walk.lastSeq + 1)", "if (firstSeq < 1)"),
      { package: "wal", file: "segment-reader.js", find: "if (lastSeq >= this.#seq) {", replace: "if (lastSeq >= 1) {" },
    ],
    why: "A frame of the same segment that stands in the place of another one passes for it.",
    expects: ["I3", "I4", "I7"],
    scene: "frame-in-another-place",
  },
  {
    name: "record delivered without its checksum",
    invariant: "I3",
    store: "wal",
    patches: [
      format("walk.js", "if (frame.bodyBytes > 0 && crcOf(", "if (frame.bodyBytes > 1e9 && crcOf("),
      { package: "wal", file: "segment-reader.js", find: "if (crc32c(bytes.subarray(start, end), check.seedAt(offset)) === bodyCrcs[index])", replace: "if (bytes !== undefined)" },
    ],
    why: "A harmed record is delivered as it reads.",
    expects: ["I3"],
    scene: "harmed-commit",
  },
  {
    name: "header length believed before its checksum",
    invariant: "I5",
    store: "wal",
    patches: [
      format(
        "search.js",
        "        if (bytes[index] === low && inspectFrameHeader(bytes, index, offset + index, check, into) !== \"absent\")\n            return index;",
        `        if (bytes[index] !== low) continue;
        if (inspectFrameHeader(bytes, index, offset + index, check, into) !== "absent")
            return index;
        const length = bytes[index + 8] + 256 * bytes[index + 9] + 65536 * bytes[index + 10] + 16777216 * bytes[index + 11];
        index += 40 + length - (length % 8);`,
      ),
    ],
    why: "A harmed length leads the search for evidence past the frame that would have shown the harm: a durable record is gone without an error.",
    expects: ["I1"],
    scene: "harmed-bits",
  },
  {
    name: "untouched-sector rule",
    invariant: "I5",
    store: "wal",
    patches: [format("scan.js", "if (proven > walk.end)", "if (proven > walk.end || evidence.nonZeroEnd > walk.end)")],
    why: "A tail is called damaged because its sectors were written to: that is what an interrupted write looks like.",
    expects: ["I5"],
  },
  {
    name: "no search for evidence behind the tail",
    invariant: "I5",
    store: "wal",
    patches: [
      format("scan.js", "const evidence = yield* search(view, walk.end, check);", "const evidence = { ...(yield* search(view, walk.end, check)), proven: 0, contradictory: false };"),
    ],
    why: "A harmed commit looks like an interrupted write, and everything behind it is dropped.",
    expects: ["I1"],
    scene: "harmed-commit",
  },
  {
    name: "harmed segment taken for one that was never used",
    invariant: "I22",
    store: "wal",
    patches: [format("plan.js", 'if (scan.class === "damaged")\n            return corrupt(number, scan.offset, scan.reason);', 'if (scan.class === "damaged")\n            continue;')],
    why: "The records in it are gone without an error, and the next writer removes the file.",
    expects: ["I1", "I22"],
    scene: "harmed-header",
  },
  {
    name: "a segment is read as a whole",
    invariant: "I18",
    store: "wal",
    patches: [format("window.js", "export const SCAN_WINDOW_BYTES = 1024 * 1024;", "export const SCAN_WINDOW_BYTES = 1024 * 1024 * 1024;")],
    why: "The memory that opening takes is up to whoever has written the file.",
    expects: ["I18"],
    scene: "long-segment",
  },
  {
    name: "numbers beyond what is exact",
    invariant: "I21",
    store: "wal",
    patches: [{ package: "wal", file: "log.js", find: "if (this.nextSeq > Number.MAX_SAFE_INTEGER - MAX_RECORDS_PER_COMMIT)", replace: "if (this.nextSeq < 1)" }],
    why: "Behind 2^53 two records get one number.",
    expects: ["I21", "I7"],
    scene: "last-numbers",
  },
];

function format(file: string, find: string, replace: string): Patch {
  return { package: "wal", file: `format/${file}`, find, replace };
}
