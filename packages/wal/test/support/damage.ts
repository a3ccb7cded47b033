import { crc32c } from "@holdfast/bytes";

import { FRAME_HEADER_BYTES, FrameKind, decodeTrimBody, type Floor } from "../../src/format/segment.js";
import type { LogContent } from "./log-files.js";
import type { BuiltFrame, SegmentBuilder } from "./segment-builder.js";

/** A log as its writer left it: the segments of its chain, ascending, each the predecessor of the next. */
export interface BuiltLog {
  readonly segments: readonly SegmentBuilder[];
  readonly files: ReadonlyMap<number, Uint8Array>;
}

/** What a log with one harmed file must give. Told from where bytes differ, not from what the bytes are. */
export type Expected =
  | { readonly kind: "new" }
  | { readonly kind: "error"; readonly code: string; readonly segment: number; readonly offset: number }
  | { readonly kind: "records"; readonly firstSeq: number; readonly records: readonly Uint8Array[] };

/** Segments that follow each other, without copies and without numbers left out. `spaceBytes`: zeros behind the newest. */
export function builtLog(segments: readonly SegmentBuilder[], spaceBytes = 0): BuiltLog {
  const newest = segments.at(-1);
  return { segments, files: new Map(segments.map((it) => [it.header.number, it.bytes(it.end + (it === newest ? spaceBytes : 0))])) };
}

/** What must be found when the file of `segments[index]` is `harmed` and everything else is as it was. */
export function expectedOf(log: BuiltLog, index: number, harmed: Uint8Array): Expected {
  const segment = log.segments[index]!;
  const number = segment.header.number;
  const original = log.files.get(number)!;
  const isHit = (from: number, to: number) => {
    if (to > harmed.length) return true;
    for (let at = from; at < to; at += 1) if (harmed[at] !== original[at]) return true;
    return false;
  };
  const corrupt = (offset: number): Expected => ({ kind: "error", code: "WAL_CORRUPT", segment: number, offset });
  const isNewest = index === log.segments.length - 1;
  if (number < floorOf(log.segments).number && !isNewest) return contentOf(log.segments);

  const hitFrame = segment.frames.findIndex((it) => isHit(it.offset, it.end));
  const sound = hitFrame < 0 ? segment.frames : segment.frames.slice(0, hitFrame);
  const end = sound.at(-1)?.end ?? 8192;
  if (!isNewest) {
    if (isHit(0, 128)) return corrupt(0);
    if (isHit(4096, 4240)) return corrupt(4096);
    // A segment whose successor has no frame is walked at once; of the others only the length is looked at before they are read.
    const isWalked = index === log.segments.length - 2 && log.segments.at(-1)!.frames.length === 0;
    if (harmed.length < segment.end && !isWalked) return corrupt(harmed.length);
    return hitFrame < 0 ? contentOf(log.segments) : corrupt(end);
  }

  const before = log.segments.slice(0, -1);
  const evidence = segment.frames.filter((it) => !isHit(it.offset, it.offset + FRAME_HEADER_BYTES));
  if (isHit(0, 128)) return harmed.length > 4096 ? corrupt(0) : contentOf(before);
  if (isHit(4096, 4240)) return evidence.length > 0 ? corrupt(4096) : contentOf(before);
  if (evidence.some((it) => it.durableThrough > end)) return corrupt(end);
  if (evidence.length === 0) return contentOf(before, segment.begin.floor);
  return contentOf([...before, withFrames(segment, sound)]);
}

/** Both contents in few words, for comparing hundreds of thousands of them: what `expect` does takes a millisecond. */
export function summaryOf(content: LogContent | Expected): string {
  if (content.kind === "error") return `${content.code} in ${content.segment} at ${content.offset ?? "no offset"}`;
  if (content.kind === "new") return "new";
  const records = content.records.map((it) => (it.length > 64 ? `${it.length} bytes ${crc32c(it)}` : String.fromCharCode(...it)));
  return `from ${content.firstSeq}: ${records.join("|")}`;
}

type Content = Pick<SegmentBuilder, "begin" | "frames" | "header">;

function withFrames(segment: SegmentBuilder, frames: readonly BuiltFrame[]): Content {
  return { begin: segment.begin, header: segment.header, frames: [...frames] };
}

function contentOf(segments: readonly Content[], candidateFloor?: Floor): Expected {
  const first = segments[0];
  if (first === undefined) return { kind: "new" };
  const floor = floorOf(segments, candidateFloor);
  const firstSeq = Math.max(floor.seq, first.begin.lastSeq + 1);
  const frames = segments.flatMap((it) => it.frames);
  const records = frames.flatMap((it) => it.records.map((record, index) => [it.firstSeq + index, record] as const));
  return { kind: "records", firstSeq, records: records.filter(([seq]) => seq >= firstSeq).map(([, record]) => record) };
}

/** The floor that the newest of these segments and a candidate behind it state. */
function floorOf(segments: readonly Content[], candidateFloor?: Floor): Floor {
  const head = segments.at(-1)!;
  const trims = head.frames.filter((it) => it.kind === FrameKind.trim).map((it) => decodeTrimBody(it.body, 0, it.firstSeq, head.header.number)!);
  return [head.begin.floor, ...trims, ...(candidateFloor === undefined ? [] : [candidateFloor])].reduce((one, other) =>
    other.seq > one.seq || (other.seq === one.seq && other.number > one.number) ? other : one,
  );
}
