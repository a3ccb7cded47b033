import { crc32c } from "@holdfast/bytes";
import { isHoldfastError, storagePrefix, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import { WalError } from "./errors.js";
import { isShrinking, listSegments, planError, PlanReader, readableSegment } from "./file-recovery.js";
import { RecordCursor } from "./format/records.js";
import { FIRST_FRAME_OFFSET, newFrameHeader } from "./format/segment.js";
import { segmentKey } from "./layout.js";
import { verifyObjects } from "./object-verify.js";
import { walkFrames, type ReadableSegment, type WalkEnd } from "./segment-reader.js";

/** Options of {@link verifyLog}. */
export interface VerifyOptions {
  readonly storage: StorageBackend;
  readonly prefix: string;
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece that was read. */
  readonly onProgress?: ((progress: { readonly bytesRead: number; readonly bytesTotal: number }) => void) | undefined;
}

/** Something that is not as it should be. */
export interface VerifyFinding {
  readonly code: "WAL_CORRUPT" | "WAL_SEGMENT_MISSING" | "WAL_UNSUPPORTED_VERSION" | "WAL_READ_FAILED" | "WAL_NOT_A_LOG";
  readonly key: string;
  readonly offset: number | undefined;
  readonly reason: string;
}

/** What {@link verifyLog} found. */
export interface LogVerification {
  /** Empty: every proven byte of the history is as it was written. */
  readonly findings: readonly VerifyFinding[];
  readonly segments: number;
  readonly commits: number;
  readonly records: number;
  /** Bytes of the history that were read and checked. */
  readonly checkedBytes: number;
  readonly firstSeq: number;
  /** The last sequence number that is proven. */
  readonly lastSeq: number;
  /** Records behind `lastSeq` that are whole and not proven: the next opening for writing makes them durable. */
  readonly unprovenRecords: number;
  readonly tornTail: { readonly key: string; readonly offset: number; readonly bytes: number } | undefined;
  /** Files that carry nothing: left by interrupted openings, or below the floor. */
  readonly voidSegments: readonly string[];
  /** Bytes of the files that are no part of the history: prepared space, torn tails, void files. */
  readonly ignoredBytes: number;
  readonly closedCleanly: boolean;
}

/**
 * Reads the whole history of a log and checks every frame of it: checksums, order of sequence numbers and times, the records of
 * each commit, and that each segment ends where its successor says. Takes no lock and changes nothing; of a log that is being
 * written it checks what was there when it looked. Findings are values; only wrong arguments and an aborted signal are thrown.
 */
export async function verifyLog(options: VerifyOptions): Promise<LogVerification> {
  const prefix = storagePrefix(options.prefix);
  let found = await look(options, prefix);
  // Files come, grow and go while somebody writes: what could come of that counts when it is found again.
  for (let looks = 1; found.findings.some(mayPass) && looks < MAX_LOOKS; looks++) {
    const before = found.findings;
    found = await look(options, prefix);
    if (isSame(before, found.findings)) break;
  }
  return found;
}

async function look(options: VerifyOptions, prefix: StoragePrefix): Promise<LogVerification> {
  const { storage, signal } = options;
  const findings: VerifyFinding[] = [];
  const result = { ...NOTHING };
  const sizes = new Map<number, number>();
  try {
    if (storage.appendable === undefined) return { ...result, ...(await verifyObjects(options, prefix)) };
    const numbers = await listSegments(storage, prefix, signal);
    for (const number of numbers) sizes.set(number, (await storage.stat(segmentKey(prefix, number), { signal }))?.size ?? 0);
    const plan = await new PlanReader(storage, prefix, signal).plan(numbers);
    if (plan.kind === "error") throw planError(plan, prefix);
    const filesBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (plan.kind === "new") return { ...result, findings, ignoredBytes: filesBytes, voidSegments: plan.voids.map((it) => segmentKey(prefix, it)) };
    const bytesTotal = plan.chain.reduce((sum, link) => sum + link.provenBytes, 0);
    let committedAtMs = 0;
    const memory = [new Uint8Array(WINDOW_BYTES), new Uint8Array(WINDOW_BYTES)];
    for (const link of plan.chain) {
      const walk = new VerifyingWalk(storage, readableSegment(prefix, link), committedAtMs, memory, signal);
      await walk.run((bytes) => options.onProgress?.({ bytesRead: result.checkedBytes + bytes, bytesTotal }));
      if (walk.finding !== undefined) findings.push(walk.finding);
      result.segments++;
      result.commits += walk.commits;
      result.records += walk.records;
      result.checkedBytes += walk.checkedBytes;
      committedAtMs = walk.committedAtMs;
    }
    const { tornTail } = plan;
    return {
      ...result,
      findings,
      firstSeq: plan.floor.seq,
      lastSeq: plan.lastSeq,
      unprovenRecords: plan.nextSeq - 1 - plan.lastSeq,
      tornTail: tornTail === undefined ? undefined : { key: segmentKey(prefix, tornTail.number), offset: tornTail.offset, bytes: tornTail.bytes },
      voidSegments: [...plan.belowFloor, ...plan.voids].map((it) => segmentKey(prefix, it)),
      ignoredBytes: filesBytes - bytesTotal,
      closedCleanly: plan.closedCleanly,
    };
  } catch (error) {
    signal?.throwIfAborted();
    findings.push(asFinding(error, prefix));
    return { ...result, findings };
  }
}

/** Where the body of a frame is: `at` in the file the frame, from `start` to `stop` in the window the body. */
interface Body {
  readonly at: number;
  readonly start: number;
  readonly stop: number;
  readonly bodyCrc: number;
  readonly recordCount: number;
}

/** Walks one segment through its proven end, a window at a time, the next one read ahead. Stops at the first thing that is wrong. */
class VerifyingWalk {
  finding: VerifyFinding | undefined;
  commits = 0;
  records = 0;
  checkedBytes = 0;
  committedAtMs: number;
  readonly #storage: StorageBackend;
  readonly #segment: ReadableSegment;
  readonly #signal: AbortSignal | undefined;
  #seq: number;
  readonly #memory: Uint8Array[];
  readonly #frame = newFrameHeader();
  /** Of the window that is being checked. */
  readonly #bodies: Body[] = [];

  constructor(storage: StorageBackend, segment: ReadableSegment, committedAtMs: number, memory: Uint8Array[], signal: AbortSignal | undefined) {
    this.#memory = memory;
    this.#storage = storage;
    this.#segment = segment;
    this.#signal = signal;
    this.committedAtMs = committedAtMs;
    this.#seq = segment.firstSeq;
  }

  async run(onWindow: (checkedBytes: number) => void): Promise<void> {
    const segment = this.#segment;
    const limit = segment.provenBytes;
    let offset = FIRST_FRAME_OFFSET;
    let reading: Promise<Uint8Array | undefined> | undefined;
    while (offset < limit) {
      const bytes = await (reading ?? this.#read(offset, WINDOW_BYTES));
      if (bytes === undefined) {
        this.#found("WAL_SEGMENT_MISSING", undefined, "the segment is not there any more");
        return;
      }
      const walked = this.#walk(bytes, offset, limit);
      if (walked.next === offset) {
        if (bytes.length < walked.needs && offset + walked.needs <= limit && bytes.length < limit - offset) {
          reading = this.#read(offset, walked.needs);
          continue;
        }
        this.#found("WAL_CORRUPT", offset, walked.reason);
        return;
      }
      // The headers say where the next window begins: it is read while the bodies of this one are checked.
      if (walked.next < limit) reading = this.#readAhead(walked.next);
      if (!(await this.#checkBodies(bytes, offset))) return;
      offset = walked.next;
      this.checkedBytes = offset;
      onWindow(offset);
    }
    this.checkedBytes = offset;
    if (offset !== limit || this.#seq !== segment.lastSeq + 1) {
      this.#found("WAL_CORRUPT", offset, `ends at ${offset} with record ${this.#seq - 1}, not at ${limit} with record ${segment.lastSeq}`);
    }
  }

  /** Checks the headers of a window, and notes where the bodies are. */
  #walk(bytes: Uint8Array, offset: number, limit: number): WalkEnd {
    this.#bodies.length = 0;
    return walkFrames(this.#segment, bytes, offset, limit, this.#frame, (frame, at, start, stop) => {
      if (frame.firstSeq !== this.#seq) return `record ${frame.firstSeq} stands where record ${this.#seq} must be`;
      if (frame.committedAtMs < this.committedAtMs) return "a frame is older than the one before it";
      if (frame.bodyBytes > 0) this.#bodies.push({ at, start, stop, bodyCrc: frame.bodyCrc, recordCount: frame.recordCount });
      this.#seq += frame.recordCount;
      this.committedAtMs = frame.committedAtMs;
      return undefined;
    });
  }

  async #checkBodies(bytes: Uint8Array, offset: number): Promise<boolean> {
    const { check } = this.#segment;
    let since = 0;
    for (const { at, start, stop, bodyCrc, recordCount } of this.#bodies) {
      if (crc32c(bytes.subarray(start, stop), check.seedAt(at)) !== bodyCrc) {
        this.#found("WAL_CORRUPT", at, "the checksum of a frame's body does not fit");
        return false;
      }
      since += stop - start;
      if (since >= TURN_BYTES) {
        since = 0;
        await Promise.resolve(); // A turn for the read that was begun, which takes a few to be on its way.
      }
      if (recordCount > 0) {
        const records = new RecordCursor(bytes, start, stop, recordCount);
        while (records.move()); // Only to see that they fill the commit.
        if (records.corrupt) {
          this.#found("WAL_CORRUPT", at, "the records of a commit do not fill it");
          return false;
        }
        this.commits++;
        this.records += recordCount;
      }
      this.checkedBytes = Math.max(offset, at);
    }
    return true;
  }

  #read(offset: number, length: number): Promise<Uint8Array | undefined> {
    const range = { offset, length: Math.max(0, Math.min(length, this.#segment.provenBytes - offset)) };
    // Two windows take turns: one is checked while the other is filled.
    this.#memory.reverse();
    const into = range.length <= WINDOW_BYTES ? this.#memory[0] : undefined;
    return this.#storage.read(this.#segment.key, { range, into, signal: this.#signal });
  }

  #readAhead(offset: number): Promise<Uint8Array | undefined> {
    const reading = this.#read(offset, WINDOW_BYTES);
    reading.catch(() => undefined); // Thrown where it is awaited.
    return reading;
  }

  #found(code: VerifyFinding["code"], offset: number | undefined, reason: string): void {
    this.finding = { code, key: this.#segment.key, offset, reason };
  }
}

/** An error of the storage does not come of somebody writing, and one is enough to be told. */
function mayPass({ code, reason }: VerifyFinding): boolean {
  return code !== "WAL_READ_FAILED" || reason === BECAME_SHORTER;
}

function isSame(findings: readonly VerifyFinding[], others: readonly VerifyFinding[]): boolean {
  return findings.length === others.length && findings.every((it, at) => it.code === others[at]?.code && it.key === others[at].key && it.offset === others[at].offset);
}

function asFinding(error: unknown, prefix: string): VerifyFinding {
  if (isShrinking(error)) return { code: "WAL_READ_FAILED", key: error.key ?? prefix, offset: error.offset, reason: BECAME_SHORTER };
  if (error instanceof WalError) {
    const code = FINDING_CODES.find((it) => it === error.code);
    if (code !== undefined) return { code, key: error.key ?? prefix, offset: error.offset, reason: error.message };
  }
  if (isHoldfastError(error)) return { code: "WAL_READ_FAILED", key: error.key ?? prefix, offset: error.offset, reason: error.message };
  throw error;
}

const FINDING_CODES = ["WAL_CORRUPT", "WAL_SEGMENT_MISSING", "WAL_UNSUPPORTED_VERSION", "WAL_READ_FAILED", "WAL_NOT_A_LOG"] as const;

const MAX_LOOKS = 3;
const BECAME_SHORTER = "the segment became shorter while it was read";

const NOTHING = {
  segments: 0,
  commits: 0,
  records: 0,
  checkedBytes: 0,
  firstSeq: 1,
  lastSeq: 0,
  unprovenRecords: 0,
  tornTail: undefined,
  voidSegments: [],
  ignoredBytes: 0,
  closedCleanly: false,
};

const WINDOW_BYTES = 2 * 1024 * 1024;
const TURN_BYTES = 16 * 1024;
