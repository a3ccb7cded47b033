import { isHoldfastError, type StorageBackend, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import { notRestored, WalError } from "./errors.js";
import {
  planHead,
  planRecovery,
  type ChainLink,
  type HeadPlan,
  type NewLogPlan,
  type PlanAnswer,
  type PlanError,
  type Planning,
  type PlanRequest,
  type RecoveryPlan,
} from "./format/plan.js";
import { identifySegment, IDENTITY_BYTES, scanSegment, type SegmentScan } from "./format/scan.js";
import { frameCheck, type Begin, type Floor, type Predecessor, type SegmentHeader } from "./format/segment.js";
import type { WalkedFrame } from "./format/walk.js";
import { SCAN_WINDOW_BYTES } from "./format/window.js";
import { isReserveKey, isRestoringKey, parseSegmentKey, segmentKey, segmentPrefix } from "./layout.js";
import { isObjectKey } from "./object-layout.js";
import { SegmentChain } from "./segment-chain.js";
import { SegmentIndex } from "./segment-index.js";
import type { ReadableSegment } from "./segment-reader.js";
import type { LogRecovery } from "./types.js";

/** A log in files as it was found: what is proven, and what has to be copied before anything is written behind it. */
export interface RecoveredFiles {
  /** Numbers of all segment files, ascending. */
  readonly numbers: readonly number[];
  /** The history, as far as it is proven. */
  readonly chain: SegmentChain;
  /** The newest segment of the history; `undefined` for a new log. The next segment names it. */
  readonly head: Predecessor | undefined;
  /** What the head itself stands on. */
  readonly headBegin: Begin | undefined;
  /** The last sequence number that is proven. */
  readonly lastSeq: number;
  /** The unproven commits, in order, and where they are. */
  readonly copy: readonly WalkedFrame[];
  readonly source: { readonly number: number; readonly key: StorageKey; readonly header: SegmentHeader } | undefined;
  readonly nextSeq: number;
  readonly floor: Floor;
  /** The part of the floor that is known to be durable. */
  readonly provenFloorSeq: number;
  readonly newNumber: number;
  /** Files that carry nothing, ascending: left by openings since the head was made. */
  readonly voids: readonly number[];
  readonly logId: Uint8Array | undefined;
  readonly committedAtMs: number;
  readonly recovery: LogRecovery;
}

/**
 * Reads what is there and plans. Changes nothing.
 *
 * @throws WAL_CORRUPT, WAL_SEGMENT_MISSING, WAL_UNSUPPORTED_VERSION, WAL_NOT_A_LOG; WAL_READ_FAILED if the storage cannot be read.
 */
export async function recoverFiles(
  storage: StorageBackend,
  prefix: StoragePrefix,
  startSeq: number,
  signal: AbortSignal | undefined,
): Promise<RecoveredFiles> {
  const numbers = await listSegments(storage, prefix, signal);
  const reader = new PlanReader(storage, prefix, signal);
  const plan = await reader.head(numbers);
  const recovery = { ...NOTHING_FOUND, scannedSegments: reader.scannedSegments, scannedBytes: reader.scannedBytes };
  if (plan.kind === "error") throw planError(plan, prefix);
  if (plan.kind === "new") {
    const floor = { seq: startSeq, number: 1 };
    return {
      numbers,
      chain: new SegmentChain({ reader, prefix, numbers, floor, head: undefined }),
      head: undefined,
      headBegin: undefined,
      lastSeq: startSeq - 1,
      copy: [],
      source: undefined,
      nextSeq: startSeq,
      floor,
      provenFloorSeq: floor.seq, // There is nothing below it.
      newNumber: plan.newNumber,
      voids: plan.voids,
      logId: plan.logId,
      committedAtMs: 0,
      recovery: { ...recovery, closedCleanly: plan.voids.length === 0, voidSegments: plan.voids.map((it) => segmentKey(prefix, it)) },
    };
  }
  const { head, tornTail } = plan;
  const chain = new SegmentChain({ reader, prefix, numbers, floor: plan.floor, head });
  await chain.reachNewest();
  const { number, provenBytes, lastSeq } = head.link;
  // Between a segment and the one it names, and above the head, no file is part of the history.
  const voids = numbers.filter((it) => it > Math.max(head.begin.predecessor?.number ?? 0, plan.floor.number - 1) && it !== number);
  return {
    numbers,
    chain,
    head: { number, provenBytes },
    headBegin: head.begin,
    lastSeq,
    copy: plan.copy,
    source: { ...plan.source, key: segmentKey(prefix, plan.source.number) },
    nextSeq: plan.nextSeq,
    floor: plan.floor,
    provenFloorSeq: plan.provenFloorSeq,
    newNumber: plan.newNumber,
    voids,
    logId: plan.logId,
    committedAtMs: plan.lastCommittedAtMs,
    recovery: {
      ...recovery,
      tornTail: tornTail === undefined ? undefined : { key: segmentKey(prefix, tornTail.number), offset: tornTail.offset, bytes: tornTail.bytes },
      copiedRecords: plan.nextSeq - 1 - lastSeq,
      voidSegments: voids.map((it) => segmentKey(prefix, it)),
      closedCleanly: plan.closedCleanly,
    },
  };
}

/** A segment of the history as readers need it. */
export function readableSegment(prefix: StoragePrefix, link: ChainLink): ReadableSegment {
  return {
    number: link.number,
    key: segmentKey(prefix, link.number),
    check: frameCheck(link.header.salt),
    commitAlignBytes: link.header.commitAlignBytes,
    firstSeq: link.firstSeq,
    lastSeq: link.lastSeq,
    provenBytes: link.provenBytes,
    index: new SegmentIndex(),
  };
}

/** The error that a plan stands for. */
export function planError(plan: PlanError, prefix: StoragePrefix): WalError {
  const key = segmentKey(prefix, plan.segment);
  return new WalError(plan.code, `the log cannot be opened, and nothing was changed: ${plan.reason}`, { operation: "openLog", key, offset: plan.offset });
}

/** The numbers of the segments that are there, ascending. */
export async function listSegments(storage: StorageBackend, prefix: StoragePrefix, signal: AbortSignal | undefined): Promise<number[]> {
  const numbers: number[] = [];
  let foreign: StorageKey | undefined;
  try {
    for await (const { key } of storage.list(segmentPrefix(prefix), { signal })) {
      const number = parseSegmentKey(prefix, key);
      if (number === undefined) foreign ??= key;
      else numbers.push(number);
    }
    if (numbers.length === 0 && foreign === undefined) {
      // A log has its directory for itself: whoever names another one by mistake is told before anything is written.
      for await (const { key } of storage.list(prefix, { limit: 2, signal })) {
        // A reader may see the log's first segment here, made since it looked for segments.
        if (!isReserveKey(prefix, key) && parseSegmentKey(prefix, key) === undefined) foreign ??= key;
      }
    }
  } catch (error) {
    throw readFailed(error, prefix);
  }
  if (foreign !== undefined) {
    if (isRestoringKey(foreign)) throw notRestored(foreign);
    const what = isObjectKey(prefix, foreign) ? "the directory holds a log made of objects, and this storage can append" : "the directory holds something else than a log";
    throw new WalError("WAL_NOT_A_LOG", `${what}; give the log a directory of its own`, { operation: "openLog", key: foreign });
  }
  return numbers;
}

/** An error of the storage while reading says nothing about the log. Errors that say more are kept as they are. */
export function readFailed(error: unknown, key: string): unknown {
  if (!isHoldfastError(error) || error.code !== "STORAGE_READ_FAILED") return error;
  return new WalError("WAL_READ_FAILED", "the storage could not be read; this says nothing about the log", {
    operation: error.operation,
    key: error.key ?? key,
    offset: error.offset,
    backend: error.backend,
    retryable: true,
    cause: error,
  });
}

/** Whether a segment became shorter while it was read: its writer closed it meanwhile, and cut off what was prepared. */
export function isShrinking(error: unknown): error is WalError {
  return error instanceof WalError && error.code === "WAL_READ_FAILED" && error.cause === undefined;
}

/** Feeds a plan and its scans with what is in the storage. */
export class PlanReader {
  scannedSegments = 0;
  scannedBytes = 0;
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #signal: AbortSignal | undefined;

  constructor(storage: StorageBackend, prefix: StoragePrefix, signal: AbortSignal | undefined) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#signal = signal;
  }

  /** The whole plan: every segment of the history is looked at. */
  plan(numbers: readonly number[]): Promise<RecoveryPlan> {
    return this.#run(planRecovery(numbers));
  }

  /** The plan for opening: only the newest segments are looked at. */
  head(numbers: readonly number[]): Promise<HeadPlan | NewLogPlan | PlanError> {
    return this.#run(planHead(numbers));
  }

  async #run<T>(planning: Planning<T>): Promise<T> {
    let step = planning.next();
    while (step.done !== true) step = planning.next(await this.answer(step.value));
    return step.value;
  }

  /** What a plan wants to know. */
  async answer({ kind, number }: PlanRequest): Promise<PlanAnswer> {
    const key = segmentKey(this.#prefix, number);
    try {
      if (kind === "scan") {
        const scan = await this.scan(number, key);
        return scan === undefined ? { kind: "missing" } : { kind, scan };
      }
      const entry = await this.#storage.stat(key, { signal: this.#signal });
      const bytes = await this.#storage.read(key, { range: { offset: 0, length: IDENTITY_BYTES }, signal: this.#signal });
      if (entry === undefined || bytes === undefined) return { kind: "missing" };
      this.scannedBytes += bytes.length;
      return { kind, identity: identifySegment(number, entry.size, bytes) };
    } catch (error) {
      throw readFailed(error, key);
    }
  }

  /** Scans one segment; `undefined` if it is not there. */
  async scan(number: number, key: StorageKey): Promise<SegmentScan | undefined> {
    const entry = await this.#storage.stat(key, { signal: this.#signal });
    if (entry === undefined) return undefined;
    const scanning = scanSegment(number, entry.size);
    const into = new Uint8Array(Math.min(entry.size, SCAN_WINDOW_BYTES));
    let step = scanning.next();
    while (step.done !== true) {
      const range = step.value;
      const bytes = await this.#storage.read(key, { range, into, signal: this.#signal });
      if (bytes === undefined) return undefined;
      if (bytes.length < range.length) {
        throw new WalError("WAL_READ_FAILED", "a segment became shorter while it was read", { operation: "read", key, offset: range.offset, retryable: true });
      }
      this.scannedBytes += bytes.length;
      step = scanning.next(bytes);
    }
    this.scannedSegments++;
    return step.value;
  }
}

const NOTHING_FOUND: LogRecovery = {
  tornTail: undefined,
  copiedRecords: 0,
  voidSegments: [],
  closedCleanly: false,
  scannedSegments: 0,
  scannedBytes: 0,
  readOnlyUntilTrimmed: false,
  takeover: undefined,
};
