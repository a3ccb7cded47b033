import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { readFailed, type RecoveredFiles } from "./file-recovery.js";
import { decodeFrameHeader, FIRST_FRAME_OFFSET, FRAME_HEADER_BYTES, frameCheck, FrameKind, newFrameHeader, type FrameCheck, type Predecessor } from "./format/segment.js";
import type { WalkedFrame } from "./format/walk.js";
import { walkFrames } from "./segment-reader.js";

/** A commit that is copied into a new segment, and where it stands now. */
export interface Copy {
  readonly key: StorageKey;
  readonly check: FrameCheck;
  readonly frame: WalkedFrame;
}

/** What the first segment that a handle makes stands on, and the commits that are copied into it before anything else. */
export interface Inheritance {
  readonly predecessor: Predecessor | undefined;
  /** The last sequence number that the predecessor proves. */
  readonly lastSeq: number;
  readonly copies: readonly Copy[];
  /** The new segment takes the head's place, so that many short lives of a process do not leave as many files. */
  readonly absorbsHead: boolean;
}

/** The new segment follows the head, and only what is unproven is copied. */
export function followHead(found: RecoveredFiles): Inheritance {
  return { predecessor: found.head, lastSeq: found.lastSeq, copies: unproven(found), absorbsHead: false };
}

/**
 * The new segment takes the place of a small head: it stands on what the head stands on, and holds the head's commits. The head
 * goes when a frame behind the copies is durable and vouches for them. `undefined` if the head is not small, or cannot be read,
 * or if the segment before it is not there: it is what the copies can be read on top of, should that frame be damaged.
 */
export async function absorbHead(storage: StorageBackend, found: RecoveredFiles): Promise<Inheritance | undefined> {
  const { head, headBegin } = found;
  const segment = found.chain.segments.at(-1);
  if (head === undefined || headBegin?.predecessor === undefined || segment === undefined) return undefined;
  if (!found.numbers.includes(headBegin.predecessor.number) || headBegin.predecessor.number < found.floor.number) return undefined;
  const length = head.provenBytes - FIRST_FRAME_OFFSET;
  if (length > ABSORB_BYTES) return undefined;
  const { key, check } = segment;
  const copies: Copy[] = [];
  if (length > 0) {
    const bytes = await readRange(storage, key, FIRST_FRAME_OFFSET, length);
    if (bytes === undefined) return undefined;
    const walked = walkFrames(segment, bytes, FIRST_FRAME_OFFSET, head.provenBytes, newFrameHeader(), (frame, offset) => {
      if (frame.kind === FrameKind.commit) copies.push({ key, check, frame: { ...frame, offset } });
      return undefined;
    });
    // Whatever is wrong there is for its readers to tell; the log goes on behind it.
    if (walked.next !== head.provenBytes || copies.length > ABSORB_COMMITS) return undefined;
  }
  return { predecessor: headBegin.predecessor, lastSeq: headBegin.lastSeq, copies: [...copies, ...unproven(found)], absorbsHead: true };
}

/**
 * The records of a commit that is to be copied, behind room for a frame header; `undefined` if it no longer reads as it was
 * planned.
 */
export async function readCopy(storage: StorageBackend, { key, check, frame }: Copy): Promise<Uint8Array | undefined> {
  const length = FRAME_HEADER_BYTES + frame.bodyBytes;
  const bytes = await readRange(storage, key, frame.offset, length);
  if (bytes?.length !== length) return undefined;
  const header = decodeFrameHeader(bytes, 0, frame.offset, check);
  const isSame = header?.firstSeq === frame.firstSeq && header.recordCount === frame.recordCount && header.bodyBytes === frame.bodyBytes;
  if (!isSame) return undefined;
  return crc32c(bytes.subarray(FRAME_HEADER_BYTES), check.seedAt(frame.offset)) === header.bodyCrc ? bytes : undefined;
}

function unproven({ source, copy }: RecoveredFiles): Copy[] {
  if (source === undefined) return [];
  const check = frameCheck(source.header.salt);
  return copy.map((frame) => ({ key: source.key, check, frame }));
}

async function readRange(storage: StorageBackend, key: StorageKey, offset: number, length: number): Promise<Uint8Array | undefined> {
  try {
    return await storage.read(key, { range: { offset, length } });
  } catch (error) {
    throw readFailed(error, key);
  }
}

/** A head is small if it has at most so many bytes of frames … */
const ABSORB_BYTES = 128 * 1024;
/** … and so many commits: each copy is a synced write of its own. */
const ABSORB_COMMITS = 32;
