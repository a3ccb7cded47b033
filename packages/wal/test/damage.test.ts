import { describe, expect, test, vi } from "vitest";

import { builtLog, expectedOf, summaryOf, type BuiltLog } from "./support/damage.js";
import { planFor, readLog } from "./support/log-files.js";
import { SegmentBuilder, fill, text } from "./support/segment-builder.js";

/*
 * A small log is harmed in every way, one harm at a time, and what a reader then gets is compared with what FORMAT.md says it
 * must get. That is computed from where bytes differ: all records, or all before a torn tail, or an error at one offset.
 */

// Tens of thousands of readings each: slow where the machine is busy with other things.
vi.setConfig({ testTimeout: 120_000 });

/** Three segments. The ending decides what is behind the last commit. */
function smallLog(ending: "commit" | "marker" | "seal" | "trim" | "two commits", commitAlignBytes: 8 | 4096 = 8): BuiltLog {
  const first = new SegmentBuilder({ number: 1, commitAlignBytes });
  first.commit([text("alpha"), text("beta")]);
  first.commit([text("gamma")]);
  first.trim({ seq: 2, number: 1 });
  const second = new SegmentBuilder({ number: 2, commitAlignBytes }, first.next({ floor: { seq: 2, number: 1 } }));
  second.commit([fill(300, 7)]);
  second.marker();
  second.commit([new Uint8Array(0), text("epsilon")]);
  const third = new SegmentBuilder({ number: 3, commitAlignBytes }, second.next());
  third.commit([text("zeta")]);
  third.commit([fill(200, 40), text("theta")]);
  third.trim({ seq: 4, number: 2 });
  third.commit([text("iota")]);
  if (ending === "marker" || ending === "seal") third[ending]();
  if (ending === "trim") third.trim({ seq: 5, number: 2 });
  if (ending === "two commits") third.commit([text("kappa"), text("lambda")]);
  return builtLog([first, second, third], 1024);
}

/** Reads the log with the file of one segment replaced, and compares with what must be. Answers what was found. */
function harm(log: BuiltLog, index: number, file: Uint8Array, what: string): string {
  const number = log.segments[index]!.header.number;
  const content = readLog(new Map(log.files).set(number, file));
  const found = summaryOf(content);
  const expected = summaryOf(expectedOf(log, index, file));
  if (found !== expected) expect.fail(`${what}: expected ${expected}, found ${found}`);
  return content.kind;
}

const endings = ["commit", "marker", "seal", "trim", "two commits"] as const;

/** Logs with different endings differ only behind this in their newest segment: the rest is swept with the first ending. */
const firstSwept = (ending: string) => (ending === endings[0] ? 0 : 8192);

describe.each(endings)("a log that ends in a %s", (ending) => {
  const log = smallLog(ending);
  const sizes = log.segments.map((it) => log.files.get(it.header.number)!);

  test("is whole", () => {
    expect(harm(log, 2, sizes[2]!, "nothing")).toBe("records");
    const plan = planFor(log.files);
    expect(plan).toMatchObject({ kind: "recovered", head: 3, closedCleanly: ending === "seal", tornTail: undefined, voids: [], belowFloor: [1] });
  });

  test("cut at every byte", () => {
    const found = new Set<string>();
    for (let length = firstSwept(ending); length < sizes[2]!.length; length += 1) found.add(harm(log, 2, sizes[2]!.slice(0, length), `cut at ${length}`));
    // A cut takes the evidence with it: never an error.
    expect([...found]).toEqual(["records"]);
  });

  test("with any bit flipped", () => {
    const found = new Map<string, number>();
    log.segments.forEach((segment, index) => {
      // Of the bytes that a checksum covers every bit, of the others one bit each.
      const covered = [[0, 128], [4096, 4240], ...segment.frames.map((it) => [it.offset, it.end])] as [number, number][];
      if (index < 2 && firstSwept(ending) > 0) return;
      sizes[index]!.subarray(firstSwept(ending)).forEach((byte, offset) => {
        const at = firstSwept(ending) + offset;
        const bits = covered.some(([from, to]) => at >= from && at < to) ? 8 : 1;
        for (let bit = 0; bit < bits; bit += 1) {
          const file = sizes[index]!.slice();
          file[at] = byte ^ (1 << (bits === 8 ? bit : at % 8));
          const kind = harm(log, index, file, `bit ${bit} of byte ${at} of segment ${segment.header.number}`);
          found.set(kind, (found.get(kind) ?? 0) + 1);
        }
      });
    });
    expect([...found.keys()].sort()).toEqual(["error", "records"]);
  });

  test.each([8, 48, 512, 4096])("with any %i bytes at a multiple of that zeroed", (size) => {
    log.segments.forEach((segment, index) => {
      for (let at = 0; at < sizes[index]!.length; at += size) {
        harm(log, index, sizes[index]!.slice().fill(0, at, at + size), `zeros at ${at} of segment ${segment.header.number}`);
      }
    });
  });

  test("with everything from a byte on zeroed, or filled with garbage", () => {
    const { end } = log.segments[2]!;
    for (let at = firstSwept(ending); at < end; at += 1) {
      harm(log, 2, sizes[2]!.slice().fill(0, at), `zeros from ${at}`);
      if (at % 7 === 0) harm(log, 2, garbage(sizes[2]!, at), `garbage from ${at}`);
    }
  });

  test.each<[string, (newest: Uint8Array) => Uint8Array]>([
    ["garbage", (newest) => garbage(new Uint8Array(newest.length + 5000), 0)],
    ["zeros", (newest) => new Uint8Array(newest.length + 5000)],
    ["an older segment's bytes", () => sizes[1]!],
    ["its own bytes once more", (newest) => newest],
    ["another log's segment of the same number", () => anotherLog().files.get(3)!],
  ])("with %s behind it", (_, make) => {
    const { end } = log.segments[2]!;
    for (const gap of [0, 1, 8, 100, 512 - (end % 512), 4096 - (end % 4096), 8192]) {
      const behind = make(sizes[2]!);
      const file = new Uint8Array(end + gap + behind.length);
      file.set(sizes[2]!.subarray(0, end));
      file.set(behind, end + gap);
      expect(harm(log, 2, file, `gap of ${gap}`)).toBe("records");
    }
  });

  test("with a part of an older segment in its place", () => {
    for (const from of [0, 4096, 8192]) {
      const file = sizes[2]!.slice();
      file.set(sizes[1]!.subarray(from, Math.min(sizes[1]!.length, file.length)), from);
      harm(log, 2, file, `from ${from}`);
    }
  });

  test("with another log's segment in the place of one", () => {
    const other = anotherLog();
    for (const number of [2, 3]) {
      const content = readLog(new Map(log.files).set(number, other.files.get(number)!));
      expect(content).toMatchObject({ kind: "error", code: "WAL_CORRUPT", offset: 0 });
    }
  });

  test("with the segments' files interchanged", () => {
    const [one, two, three] = sizes as [Uint8Array, Uint8Array, Uint8Array];
    for (const files of [[one, three, two], [two, one, three], [three, one, two], [three, three, three]]) {
      const content = readLog(new Map(files.map((it, index) => [index + 1, it])));
      if (files[1] === one && files[2] === three) expect(content).toMatchObject({ kind: "error", segment: 2, offset: 0 });
      else expect(content).toMatchObject({ kind: "error", code: "WAL_CORRUPT", offset: 0 });
    }
  });

  test("with a file missing", () => {
    for (const number of [1, 2, 3]) {
      const files = new Map(log.files);
      files.delete(number);
      // 1 is below the floor. Nothing names 3: that it is gone cannot be told.
      if (number === 2) expect(readLog(files)).toMatchObject({ kind: "error", code: "WAL_SEGMENT_MISSING", segment: 2 });
      else expect(readLog(files).kind).toBe("records");
    }
  });
});

test("commits in blocks of their own: the same, for every sector and block", () => {
  const log = smallLog("commit", 4096);
  log.segments.forEach((segment, index) => {
    const file = log.files.get(segment.header.number)!;
    for (const size of [512, 4096]) {
      for (let at = 0; at < file.length; at += size) {
        harm(log, index, file.slice().fill(0, at, at + size), `zeros at ${at}`);
        harm(log, index, garbage(file, at, at + size), `garbage at ${at}`);
      }
    }
  });
});

test("records that are well-formed frames are never taken for frames", () => {
  const source = smallLog("marker").segments[2]!;
  const frames = source.frames.map((it) => source.bytes().slice(it.offset, it.end));
  const whole = source.bytes();
  for (let pad = 0; pad < 8; pad += 1) {
    const segment = new SegmentBuilder({ number: 3 }, source.begin);
    segment.commit([new Uint8Array(pad), ...frames.map((it) => padded(it))]);
    segment.commit([whole, new Uint8Array(pad), whole.slice(8192)]);
    const log = builtLog([...smallLog("marker").segments.slice(0, 2), segment], 100);
    const file = log.files.get(3)!;
    harm(log, 2, file, "whole");
    for (const frame of segment.frames) {
      harm(log, 2, file.slice().fill(0, frame.offset, frame.offset + 48), "without a header");
      harm(log, 2, file.slice().fill(0, frame.offset, frame.offset + 60), "without a header and a length");
      harm(log, 2, garbage(file, frame.offset, frame.offset + 48), "with garbage in place of a header");
      harm(log, 2, file.slice(0, frame.end - 1), "cut");
    }
  }
});

describe("an interrupted opening", () => {
  /** Commit 4 of segment 1 was not proven, was copied into segment 2, and the copy was not proven either. */
  const synced = () => {
    const head = new SegmentBuilder({ number: 1 });
    for (const word of ["a", "b", "c"]) head.commit([text(word)]);
    const { end } = head;
    head.commit([text("d"), text("e")]);
    const copy = new SegmentBuilder({ number: 2 }, { predecessor: { number: 1, provenBytes: end }, lastSeq: 3, inheritedThrough: 5 });
    copy.commit([text("d"), text("e")]);
    return { head, copy, all: ["a", "b", "c", "d", "e"], proven: 3 };
  };
  /** The same in relaxed mode, with three commits, of which two were copied. */
  const relaxed = () => {
    const head = new SegmentBuilder({ number: 1 });
    head.relaxed = true;
    head.commit([text("a")]);
    head.sync();
    const { end } = head;
    for (const word of ["b", "c", "d"]) head.commit([text(word)]);
    const copy = new SegmentBuilder({ number: 2 }, { predecessor: { number: 1, provenBytes: end }, lastSeq: 1, inheritedThrough: 4 });
    for (const word of ["b", "c"]) copy.commit([text(word)]);
    return { head, copy, all: ["a", "b", "c", "d"], proven: 1 };
  };
  /** And with all of them copied and vouched for, but for the marker. */
  const complete = () => {
    const history = relaxed();
    history.copy.commit([text("d")]);
    return history;
  };

  test.each([
    ["synced", synced],
    ["relaxed", relaxed],
    ["complete", complete],
  ])("%s: with one harm it gives what was proven, and nothing else than what was written", (_, make) => {
    const { head, copy, all, proven } = make();
    const files = new Map([
      [1, head.bytes()],
      [2, copy.bytes()],
    ]);
    const whole = readLog(files);
    expect(wordsOf(whole)).toEqual(all);
    const outcomes = new Set<string>();
    for (const [number, file] of files) {
      const harms = [...file.keys()].flatMap((at) => [
        file.slice(0, at),
        ...[0, 3, 7].map((bit) => file.slice().fill(file[at]! ^ (1 << bit), at, at + 1)),
        ...(at % 512 === 0 ? [file.slice().fill(0, at, at + 512), garbage(file, at, at + 512)] : []),
      ]);
      for (const harmed of harms) {
        const content = readLog(new Map(files).set(number, harmed));
        outcomes.add(content.kind);
        if (content.kind === "error") {
          if (content.code !== "WAL_CORRUPT") expect.fail(`${number}: ${content.code}`);
          continue;
        }
        const words = wordsOf(content);
        if (words.length < proven || !words.every((it, position) => it === all[position])) expect.fail(`${number}: ${words.join(" ")}`);
      }
    }
    expect([...outcomes].sort()).toEqual(["error", "records"]);
  });

  test("with a segment that was to take the place of the newest: one harmed byte costs nothing that was proven", () => {
    const base = new SegmentBuilder({ number: 1 });
    for (const word of ["a", "b"]) base.commit([text(word)]);
    const head = new SegmentBuilder({ number: 2 }, base.next());
    for (const word of ["c", "d", "e"]) head.commit([text(word)]);
    const all = ["a", "b", "c", "d", "e"];
    for (const copied of [0, 1, 2, 3]) {
      const taking = new SegmentBuilder({ number: 3 }, base.next({ inheritedThrough: 5 }));
      for (const word of ["c", "d", "e"].slice(0, copied)) taking.commit([text(word)]);
      const files = new Map([base, head, taking].map((it) => [it.header.number, it.bytes()]));
      expect(wordsOf(readLog(files))).toEqual(all);
      for (const [number, file] of files) {
        for (const at of file.keys()) {
          if (at % 4096 > 600) continue;
          const content = readLog(new Map(files).set(number, file.slice().fill(file[at]! ^ (1 << (at % 8)), at, at + 1)));
          if (content.kind === "error") continue;
          const words = wordsOf(content);
          if (words.length < 4 || !words.every((it, position) => it === all[position])) expect.fail(`${copied}, byte ${at} of ${number}: ${words.join(" ")}`);
        }
      }
      // When the copies are vouched for, what they replaced may go.
      if (copied < 3) continue;
      taking.marker();
      expect(wordsOf(readLog(new Map([base, taking].map((it) => [it.header.number, it.bytes()]))))).toEqual(all);
    }
  });

  test("any part of what was proven that is lost is an error, as long as the newer segment states it", () => {
    const { head, copy } = synced();
    for (const frame of head.frames.slice(0, 3)) {
      for (let at = frame.offset; at < frame.end; at += 1) {
        const bytes = head.bytes();
        bytes[at]! ^= 1;
        // Cut behind the damage as well: nothing in this file is evidence any more.
        for (const file of [bytes, bytes.slice(0, frame.end)]) {
          const content = readLog(new Map([[1, file], [2, copy.bytes()]]));
          expect(content).toMatchObject({ kind: "error", code: "WAL_CORRUPT", segment: 1 });
        }
      }
    }
  });

  test("what was copied counts, if the original is gone and the copy is not", () => {
    for (const make of [synced, complete]) {
      const { head, copy, all, proven } = make();
      const { end } = head.frames[proven - 1]!;
      for (const original of [head.bytes().slice(0, end), head.bytes().fill(0, end), garbage(head.bytes(), end)]) {
        expect(wordsOf(readLog(new Map([[1, original], [2, copy.bytes()]])))).toEqual(all);
      }
    }
  });

  test("of an original and a copy that are both incomplete the one that reaches further counts", () => {
    const { head, copy } = relaxed();
    const files = new Map([
      [1, head.bytes().slice(0, head.frames[1]!.end)],
      [2, copy.bytes()],
    ]);
    const content = readLog(files);
    expect(wordsOf(content)).toEqual(["a", "b", "c"]);
    expect(content).toMatchObject({ plan: { source: { number: 2 }, nextSeq: 4, newNumber: 3, voids: [2] } });
  });
});

function wordsOf(content: ReturnType<typeof readLog>): string[] {
  if (content.kind !== "records") throw new Error(JSON.stringify(content));
  return content.records.map((it) => new TextDecoder().decode(it));
}

function anotherLog(): BuiltLog {
  const segments = smallLog("marker").segments.map((it) => {
    const other = new SegmentBuilder({ ...it.header, logId: fill(16, 0xc0), salt: fill(8, 0x70 + it.header.number) }, it.begin);
    for (const frame of it.frames) other.frame(frame.kind, frame.body, { recordCount: frame.records.length, offset: frame.offset });
    return other;
  });
  return builtLog(segments);
}

/** The bytes with garbage in `[from, to)`. */
function garbage(bytes: Uint8Array, from: number, to: number = bytes.length): Uint8Array {
  const result = bytes.slice();
  let state = from + 12_345;
  for (let at = from; at < Math.min(to, bytes.length); at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    result[at] = state >>> 24;
  }
  return result;
}

/** The bytes, filled up so that the next record's bytes start at a multiple of 8 behind these. */
function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil((bytes.length + 4) / 8) * 8 - 4);
  result.set(bytes);
  return result;
}
