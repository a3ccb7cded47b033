import { crc32c } from "@holdfast/bytes";

import { planRecovery, type PlanAnswer, type PlanRequest, type RecoveredPlan, type RecoveryPlan } from "../../src/format/plan.js";
import { IDENTITY_BYTES, identifySegment, scanSegment, type SegmentScan } from "../../src/format/scan.js";
import { frameEnd, type WalkedFrame } from "../../src/format/walk.js";
import { SCAN_WINDOW_BYTES } from "../../src/format/window.js";
import {
  BLOCK_BYTES,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  decodeFrameHeader,
  frameCheck,
  place,
  roundUp,
  type SegmentHeader,
} from "../../src/format/segment.js";
import { splitRecords } from "./segment-builder.js";

/** Segment files by number. */
export type LogFiles = ReadonlyMap<number, Uint8Array>;

/** What a reader of the whole log gets. */
export type LogContent =
  | { readonly kind: "new" }
  | { readonly kind: "error"; readonly code: string; readonly segment: number; readonly offset: number | undefined }
  | { readonly kind: "records"; readonly plan: RecoveredPlan; readonly firstSeq: number; readonly records: readonly Uint8Array[] };

/** `scanSegment` over bytes in memory, checking that it asks only for what it may. */
export function scan(number: number, bytes: Uint8Array): SegmentScan {
  const scanning = scanSegment(number, bytes.length);
  // One buffer for all windows, as a reader of files would have it.
  const buffer = new Uint8Array(Math.min(SCAN_WINDOW_BYTES, bytes.length));
  for (let step = scanning.next(); ; ) {
    if (step.done === true) return step.value;
    const { offset, length } = step.value;
    if (length < 1 || length > SCAN_WINDOW_BYTES || offset < 0 || offset + length > bytes.length) throw new Error(`window ${offset}+${length} of ${bytes.length}`);
    buffer.fill(0xee);
    buffer.set(bytes.subarray(offset, offset + length));
    step = scanning.next(buffer.subarray(0, length));
  }
}

/** Drives `planRecovery` with answers from a function. */
export function planWith(numbers: readonly number[], answer: (request: PlanRequest) => PlanAnswer): RecoveryPlan {
  const planning = planRecovery(numbers);
  for (let step = planning.next(); ; step = planning.next(answer(step.value))) if (step.done === true) return step.value;
}

/** The plan for these files. */
export function planFor(files: LogFiles): RecoveryPlan {
  const numbers = [...files.keys()].sort((one, other) => one - other);
  return planWith(numbers, ({ kind, number }) => {
    const bytes = files.get(number);
    if (bytes === undefined) return { kind: "missing" };
    if (kind === "scan") return { kind, scan: scan(number, bytes) };
    return { kind, identity: identifySegment(number, bytes.length, bytes.subarray(0, IDENTITY_BYTES)) };
  });
}

/** Recovers these files and reads every record through the chain and the commits to copy, as an open and a replay would. */
export function readLog(files: LogFiles): LogContent {
  const plan = planFor(files);
  if (plan.kind === "new") return { kind: "new" };
  if (plan.kind === "error") return plan;
  const records: Uint8Array[] = [];
  for (const link of plan.chain) {
    let end = FIRST_FRAME_OFFSET;
    let nextSeq = link.firstSeq;
    while (end < link.provenBytes) {
      const frame = frameBehind(files.get(link.number)!, end, link.header);
      const values = frame === undefined ? undefined : recordsOf(files.get(link.number)!, frame, link.header);
      if (frame === undefined || values === undefined || frame.firstSeq !== nextSeq) return corrupt(link.number, end);
      records.push(...values);
      end = frameEnd(frame);
      nextSeq += frame.recordCount;
    }
    if (end !== link.provenBytes || nextSeq !== link.lastSeq + 1) return corrupt(link.number, end);
  }
  for (const frame of plan.copy) {
    const values = recordsOf(files.get(plan.source.number)!, frame, plan.source.header);
    if (values === undefined) return corrupt(plan.source.number, frame.offset);
    records.push(...values);
  }
  const start = plan.chain[0]!.firstSeq;
  if (start + records.length !== plan.nextSeq) throw new Error(`${records.length} records from ${start} on, but ${plan.nextSeq} is next`);
  return { kind: "records", plan, firstSeq: plan.floor.seq, records: records.slice(plan.floor.seq - start) };
}

function frameBehind(bytes: Uint8Array, end: number, header: SegmentHeader): WalkedFrame | undefined {
  const check = frameCheck(header.salt);
  for (const offset of [place(end, header.commitAlignBytes), roundUp(end, BLOCK_BYTES)]) {
    const frame = decodeFrameHeader(bytes, offset, offset, check);
    if (frame === undefined) continue;
    const isMarker = frame.kind === FrameKind.marker || frame.kind === FrameKind.seal;
    if (isMarker ? offset === roundUp(end, BLOCK_BYTES) : offset === place(end, header.commitAlignBytes)) return { ...frame, offset };
  }
  return undefined;
}

function recordsOf(bytes: Uint8Array, frame: WalkedFrame, header: SegmentHeader): Uint8Array[] | undefined {
  const check = frameCheck(header.salt);
  const body = bytes.subarray(frame.offset + FRAME_HEADER_BYTES, frameEnd(frame));
  const fits = body.length === frame.bodyBytes && decodeFrameHeader(bytes, frame.offset, frame.offset, check)?.bodyCrc === bodyCrc(body, check.seedAt(frame.offset));
  if (!fits) return undefined;
  return frame.kind === FrameKind.commit ? splitRecords(body, frame.recordCount) : [];
}

function bodyCrc(body: Uint8Array, seed: number): number {
  return body.length === 0 ? 0 : crc32c(body, seed);
}

function corrupt(segment: number, offset: number): LogContent {
  return { kind: "error", code: "WAL_CORRUPT", segment, offset };
}
