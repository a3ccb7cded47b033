import { isReadable } from "./block.js";
import { breaks } from "./configuration.js";
import { FrameKind } from "./frame.js";
import { contradicts, promiseDurable, wasReportedGone } from "./promises.js";
import { scanSegment } from "./scan.js";
import type { Segment } from "./segment.js";
import { MAX_SEQ } from "./state.js";
import type { Steps } from "./steps.js";

/**
 * What a reader in another process may do next. It takes no lock. Choosing a segment and reading a frame from it are two
 * steps, and anything may happen between them.
 */
export function takeReaderSteps(steps: Steps): void {
  const { reader } = steps.now;
  if (reader.nextSeq === 0 || reader.nextSeq > MAX_SEQ) return;
  if (chooseSegment(steps) === "goes on") deliverFrame(steps);
}

/** Lists, and goes to the segment that holds the next record, or to the floor if that lies above. */
function chooseSegment(steps: Steps): "goes on" | "stops" {
  const { now } = steps;
  const { reader } = now;
  const found = findEntrance(steps);
  if (found === "damage") return "stops";
  const { entrance, floorSeq } = found;
  if (entrance === undefined) return "goes on";
  if (floorSeq > reader.nextSeq) {
    steps.take(() => `reader: trimmed, goes on at ${floorSeq}`, (next) => {
      next.reader.nextSeq = floorSeq;
      next.reader.segment = 0;
      steps.count("reader: trimmed");
    });
    return "stops";
  }
  let segment = entrance;
  while (segment.predecessorLastSeq + 1 > reader.nextSeq && segment.predecessor !== 0) segment = now.segment(segment.predecessor);
  const { number } = segment;
  if (number !== reader.segment && segment.inView) {
    steps.take(() => `reader goes to segment ${number}`, (next) => { next.reader.segment = number; });
  }
  return "goes on";
}

interface Entrance {
  /** The newest segment that is established, by itself or by what a newer begin says. */
  readonly entrance: Segment | undefined;
  readonly floorSeq: number;
}

function findEntrance({ now, configuration }: Steps): Entrance | "damage" {
  let floorSeq = 1;
  let named = 0;
  for (const segment of now.newestFirst) {
    if (!segment.inView) continue;
    const scan = scanSegment(segment, configuration);
    if (scan.class === "damaged") return "damage";
    if (scan.class === "absent" || scan.class === "prepared") continue;
    floorSeq = Math.max(floorSeq, segment.floorSeq);
    const isEntered = breaks(configuration, "reader enters a segment that is not established") && scan.end > 0;
    if (scan.class === "established" || named === segment.number || isEntered) {
      for (const frame of segment.frames) if (frame.kind === FrameKind.trim && frame.isValid) floorSeq = Math.max(floorSeq, frame.seq);
      return { entrance: segment, floorSeq };
    }
    named = Math.max(named, segment.predecessor);
  }
  return { entrance: undefined, floorSeq };
}

/** A frame is delivered only when it is vouched for: by a later frame, a marker, or the begin of the next segment. */
function deliverFrame(steps: Steps): void {
  const { now, configuration } = steps;
  const { reader } = now;
  if (reader.segment === 0) return;
  const segment = now.segment(reader.segment);
  if (!segment.inView) return;
  const scan = scanSegment(segment, configuration);
  if (scan.class !== "begun" && scan.class !== "established") return;
  const waits = !breaks(configuration, "reader does not wait for a voucher");
  const proven = waits ? Math.max(scan.proven, statedEnd(steps, segment)) : scan.end;
  const end = Math.min(scan.end, proven);
  const seq = reader.nextSeq;
  const frame = segment.frames.find((it) => it.index < end && it.kind === FrameKind.commit && it.seq === seq);
  if (frame === undefined) return;
  const { value } = frame;
  steps.take(() => `reader delivers ${value} as ${seq}`, (next) => {
    if (contradicts(next, seq, value)) steps.violation("reader delivered another value");
    if (wasReportedGone(next, value)) steps.violation("reader delivered a record that was reported gone");
    promiseDurable(next, seq, value);
    next.reader.nextSeq++;
    steps.count("reader: delivered");
  });
}

/** The largest proven end that any valid begin states for `segment`, 0 if none does. */
function statedEnd({ now }: Steps, segment: Segment): number {
  let end = 0;
  for (const newer of now.segments) {
    if (newer.number <= segment.number || !newer.inView || !isReadable(newer.header) || !isReadable(newer.begin)) continue;
    if (newer.predecessor === segment.number) end = Math.max(end, newer.predecessorEnd);
  }
  return end;
}
