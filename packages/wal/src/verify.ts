import { isHoldfastError, storagePrefix, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import { WalError } from "./errors.js";
import { isShrinking, listSegments, planError, PlanReader, readableSegment } from "./file-recovery.js";
import { FIRST_FRAME_OFFSET } from "./format/segment.js";
import { segmentKey } from "./layout.js";
import { verifyObjects } from "./object-verify.js";
import { checkStorage } from "./options.js";
import { OLDER_FRAME, VERIFY_WINDOW_BYTES, VerifyingWalk } from "./verifying-walk.js";

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
  checkStorage("verifyLog", options.storage);
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
    let bytesRead = 0;
    const onBytes = (bytes: number): void => {
      bytesRead += bytes;
      options.onProgress?.({ bytesRead, bytesTotal });
    };
    const largest = plan.chain.reduce((most, link) => Math.max(most, link.provenBytes), 0);
    const memory = Array.from({ length: 2 * SEGMENTS_AT_A_TIME }, () => new Uint8Array(Math.min(VERIFY_WINDOW_BYTES, largest)));
    const walks = plan.chain.map((link, index) => {
      const at = 2 * (index % SEGMENTS_AT_A_TIME);
      return new VerifyingWalk(storage, readableSegment(prefix, link), memory.slice(at, at + 2), onBytes, signal);
    });
    try {
      let committedAtMs = 0;
      for (const [index, walk] of walks.entries()) {
        for (const ahead of walks.slice(index, index + SEGMENTS_AT_A_TIME)) ahead.start();
        await walk.done();
        const finding = walk.finding ?? (walk.firstAtMs < committedAtMs ? walk.found("WAL_CORRUPT", FIRST_FRAME_OFFSET, OLDER_FRAME) : undefined);
        if (finding !== undefined) findings.push(finding);
        result.segments++;
        result.commits += walk.commits;
        result.records += walk.records;
        result.checkedBytes += walk.checkedBytes;
        committedAtMs = Math.max(committedAtMs, walk.lastAtMs);
      }
    } finally {
      for (const walk of walks) await walk.abandon();
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

/** While the bytes of one are checked, those of the other are read. */
const SEGMENTS_AT_A_TIME = 2;
