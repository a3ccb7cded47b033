import { isDeepStrictEqual } from "node:util";

import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";

import { planRecovery } from "../src/format/plan.js";
import { identifySegment } from "../src/format/scan.js";
import { FrameKind, encodeSegmentHeader, type Floor } from "../src/format/segment.js";
import { builtLog, expectedOf, summaryOf, type BuiltLog } from "./support/damage.js";
import { planFor, readLog, scan } from "./support/log-files.js";
import { SegmentBuilder } from "./support/segment-builder.js";

vi.setConfig({ testTimeout: 120_000 });

type Step =
  | { readonly do: "commit"; readonly records: readonly Uint8Array[] }
  | { readonly do: "marker" | "seal" | "rotate" | "sync" }
  | { readonly do: "trim"; readonly back: number };

const record = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.nat(9000).map((length) => new Uint8Array(length).fill(length)) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("commit" as const), records: fc.array(record, { minLength: 1, maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("marker" as const, "rotate" as const, "sync" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("trim" as const), back: fc.nat(12) }) },
);

const logs: fc.Arbitrary<BuiltLog> = fc
  .record({
    steps: fc.array(step, { minLength: 1, maxLength: 24 }),
    ending: fc.constantFrom("none" as const, "marker" as const, "seal" as const),
    relaxed: fc.boolean(),
    commitAlignBytes: fc.constantFrom(8 as const, 4096 as const),
    startSeq: fc.constantFrom(1, 1, 5_000_000_000),
    spaceBytes: fc.constantFrom(0, 0, 700, 9000),
  })
  .map(({ steps, ending, relaxed, commitAlignBytes, startSeq, spaceBytes }) => {
    const all = ending === "none" ? steps : [...steps, { do: ending }];
    return write(all, { relaxed, commitAlignBytes, startSeq, spaceBytes });
  });

interface Harm {
  readonly segment: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Where frames and headers are, so that most harms hit something. */
const harms: fc.Arbitrary<Harm> = fc.record({
  segment: fc.nat(),
  at: fc.oneof(fc.nat(140), fc.integer({ min: 4090, max: 4250 }), fc.integer({ min: 8185, max: 9200 }), fc.nat(100_000)),
  bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(9000).map((length) => new Uint8Array(length))),
});

describe("a log with harmed bytes", () => {
  it("in one file gives what its format says it must", () => {
    fc.assert(
      fc.property(logs, harms, fc.option(fc.nat(), { nil: undefined }), (log, harm, cut) => {
        const index = harm.segment % log.segments.length;
        const number = log.segments[index]!.header.number;
        const file = harmed(log.files.get(number)!, harm);
        const cutFile = cut === undefined ? file : file.slice(0, cut % (file.length + 1));
        const content = readLog(new Map(log.files).set(number, cutFile));
        expect(summaryOf(content)).toBe(summaryOf(expectedOf(log, index, cutFile)));
      }),
      { numRuns: 1000 },
    );
  });

  it("in several files gives records that were written, without a gap, or an error", () => {
    fc.assert(
      fc.property(logs, fc.array(harms, { minLength: 2, maxLength: 5 }), (log, list) => {
        const files = new Map(log.files);
        for (const harm of list) {
          const { number } = log.segments[harm.segment % log.segments.length]!.header;
          files.set(number, harmed(files.get(number)!, harm));
        }
        const content = readLog(files);
        if (content.kind !== "records") return;
        const written = new Map(log.segments.flatMap((it) => it.frames.flatMap((frame) => frame.records.map((bytes, index) => [frame.firstSeq + index, bytes]))));
        const wrong = content.records.findIndex((bytes, index) => !isDeepStrictEqual(bytes, written.get(content.firstSeq + index)));
        expect(wrong).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  it("is never changed, and gives the same again", () => {
    fc.assert(
      fc.property(logs, fc.array(harms, { maxLength: 3 }), (log, list) => {
        const files = new Map(log.files);
        for (const harm of list) {
          const { number } = log.segments[harm.segment % log.segments.length]!.header;
          files.set(number, harmed(files.get(number)!, harm));
        }
        const before = new Map([...files].map(([number, bytes]) => [number, bytes.slice()]));
        const plan = planFor(files);
        // Not `toEqual`, which takes milliseconds for files.
        expect(isDeepStrictEqual(files, before)).toBe(true);
        expect(isDeepStrictEqual(planFor(files), plan)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("whatever the bytes are", () => {
  const bytes = fc.uint8Array({ maxLength: 9000, size: "max" });

  it("a scan ends", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (file, number) => {
        expect(["absent", "damaged"]).toContain(scan(number, file).class);
        expect(identifySegment(number, file.length, file).class).toBe("damaged");
      }),
      { numRuns: 200 },
    );
  });

  it("behind a sound header a scan ends", () => {
    fc.assert(
      fc.property(bytes, (behind) => {
        const segment = new SegmentBuilder();
        const file = new Uint8Array(4096 + behind.length);
        file.set(encodeSegmentHeader(segment.header));
        file.set(behind, 4096);
        expect(scan(1, file).class).toBe("prepared");
      }),
      { numRuns: 200 },
    );
  });

  it("behind a sound begin a scan ends", () => {
    fc.assert(
      fc.property(bytes, (behind) => {
        const file = new Uint8Array(8192 + behind.length);
        file.set(new SegmentBuilder().bytes(8192));
        file.set(behind, 8192);
        expect(scan(1, file)).toMatchObject({ class: "begun", end: 8192, frames: [] });
      }),
      { numRuns: 200 },
    );
  });

  // Whoever knows the salt can write any header with a checksum that fits.
  const hostile = fc.record({
    kind: fc.oneof(fc.constantFrom(1, 2, 3, 4, 5), fc.nat(0xffff)),
    body: fc.uint8Array({ maxLength: 120 }),
    gap: fc.nat(9),
    recordCount: fc.oneof(fc.nat(4), fc.nat(0xffff_ffff)),
    firstSeq: fc.oneof(fc.nat(4), fc.maxSafeNat()),
    durableThrough: fc.oneof(fc.constant(8192), fc.integer({ min: 8000, max: 10_000 }), fc.maxSafeNat()),
  });

  it("frames with sound checksums and any content never make a scan or a plan throw", () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 12 }), fc.nat(60), (list, cut) => {
        const segment = new SegmentBuilder();
        for (const it of list) {
          const offset = Math.ceil(segment.end / 8) * 8 + 8 * it.gap;
          segment.frame(it.kind as FrameKind, it.body, { ...it, offset });
        }
        const file = segment.bytes(Math.max(0, segment.end - cut));
        const content = readLog(new Map([[1, file]]));
        expect(["records", "error", "new"]).toContain(content.kind);
      }),
      { numRuns: 1000 },
    );
  });

  it("files of any logs under any numbers never make a plan throw", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), fc.array(logs, { minLength: 1, maxLength: 3 }), fc.infiniteStream(fc.nat()), (numbers, some, choices) => {
        const files = new Map(
          numbers.map((number) => {
            const log = some[choices.next().value! % some.length]!;
            const segment = log.segments[choices.next().value! % log.segments.length]!;
            const copy = new SegmentBuilder({ ...segment.header, number }, segment.begin);
            for (const frame of segment.frames) copy.frame(frame.kind, frame.body, { recordCount: frame.records.length, durableThrough: frame.durableThrough });
            return [number, copy.bytes()] as const;
          }),
        );
        expect(["records", "error", "new"]).toContain(readLog(files).kind);
      }),
      { numRuns: 300 },
    );
  });

  it("a listing that changes while it is planned is an error or a new log, not an exception", () => {
    const planning = planRecovery([1, 2, 3]);
    let step = planning.next();
    while (step.done !== true) step = planning.next({ kind: "missing" });
    expect(step.value).toMatchObject({ kind: "new", newNumber: 4 });
  });
});

/** Writes a log as a writer does: one commit after the other, markers, trims and rotations behind what is durable. */
function write(steps: readonly Step[], options: { relaxed: boolean; commitAlignBytes: 8 | 4096; startSeq: number; spaceBytes: number }): BuiltLog {
  const { relaxed, commitAlignBytes, startSeq, spaceBytes } = options;
  const make = (number: number, begin: Partial<SegmentBuilder["begin"]>): SegmentBuilder => {
    const made = new SegmentBuilder({ number, commitAlignBytes }, begin);
    made.relaxed = relaxed;
    return made;
  };
  let floor: Floor = { seq: startSeq, number: 1 };
  let segment = make(1, { lastSeq: startSeq - 1, floor });
  const segments = [segment];
  for (const it of steps) {
    if (it.do === "commit") {
      segment.commit(it.records);
      continue;
    }
    segment.sync();
    // A frame without records stands behind frames only: the begin of an empty segment says all there is to say.
    if (it.do === "sync" || segment.frames.length === 0) continue;
    if (it.do === "rotate") {
      segment = make(segment.header.number + 1, segment.next({ floor }));
      segments.push(segment);
    } else if (it.do === "trim") {
      const seq = Math.max(floor.seq, segment.nextSeq - it.back);
      floor = { seq, number: segments.findLast((made) => made.begin.lastSeq < seq)!.header.number };
      segment.trim(floor);
      segment.sync();
    } else if (segment.frames.at(-1)!.kind === FrameKind.commit || segment.frames.at(-1)!.kind === FrameKind.trim) {
      segment[it.do]();
      segment.sync();
    }
  }
  return builtLog(segments, spaceBytes);
}

function harmed(file: Uint8Array, { at, bytes }: Harm): Uint8Array {
  const result = file.slice();
  const from = file.length === 0 ? 0 : at % file.length;
  result.set(bytes.subarray(0, result.length - from), from);
  return result;
}
