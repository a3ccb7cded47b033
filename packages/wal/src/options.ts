import { WalError } from "./errors.js";
import { MAX_PACK_OBJECTS } from "./format/object.js";
import type { ParentLog } from "./format/segment.js";
import type { MergeOptions } from "./object-merge.js";
import type { LogOptions, LogParent, ReadRange } from "./types.js";

/** The numbers of {@link LogOptions}, defaults filled in and bounds checked. */
export interface LogSettings {
  readonly segmentBytes: number;
  readonly maxCommitBytes: number;
  readonly maxPendingBytes: number;
  readonly commitAlignBytes: 8 | 4096;
  readonly idleMarkerMs: number;
  readonly startSeq: number;
  readonly parent: ParentLog | undefined;
  readonly prepareAhead: boolean;
  /** `undefined`: synced. */
  readonly syncEveryMs: number | undefined;
  readonly lingerMs: number;
  readonly packObjects: number;
  readonly commitTimeoutMs: number;
  readonly takeoverTimeoutMs: number;
}

/** @throws WAL_INVALID_ARGUMENT for an option out of its bounds. */
export function checkLogOptions<T>(options: LogOptions<T>): LogSettings {
  const within = (name: string, value: number | undefined, fallback: number, min: number, max: number): number =>
    wholeNumber("openLog", name, value ?? fallback, min, max);
  checkStorage("openLog", options.storage);
  const { commitAlignBytes = 8 } = options;
  const durability = options.durability ?? "synced";
  // Callers in plain JavaScript are told what the type would have told them.
  if (![8, 4096].includes(commitAlignBytes)) throw invalid("openLog", "commitAlignBytes must be 8 or 4096");
  if (durability !== "synced" && typeof durability !== "object") throw invalid("openLog", 'durability must be "synced" or { syncEveryMs }');
  const startSeq = within("startSeq", options.startSeq, 1, 1, Number.MAX_SAFE_INTEGER);
  return {
    segmentBytes: within("segmentBytes", options.segmentBytes, 64 * MIB, 16 * 1024, 1024 * MIB),
    maxCommitBytes: within("maxCommitBytes", options.maxCommitBytes, 16 * MIB, 4096, 16 * MIB),
    maxPendingBytes: within("maxPendingBytes", options.maxPendingBytes, 32 * MIB, 0, 1024 * MIB),
    commitAlignBytes,
    idleMarkerMs: within("idleMarkerMs", options.idleMarkerMs, 50, 1, 60_000),
    startSeq,
    parent: options.parent ? parentLog(options.parent, startSeq) : undefined,
    prepareAhead: options.prepareAhead ?? true,
    syncEveryMs: durability === "synced" ? undefined : wholeNumber("openLog", "durability.syncEveryMs", durability.syncEveryMs, 1, 60_000),
    lingerMs: within("lingerMs", options.lingerMs, 0, 0, 10_000),
    packObjects: within("packObjects", options.packObjects, PACK_OBJECTS, 2, MAX_PACK_OBJECTS),
    commitTimeoutMs: within("commitTimeoutMs", options.commitTimeoutMs, 60_000, 0, 3_600_000),
    takeoverTimeoutMs: within("takeoverTimeoutMs", options.takeoverTimeoutMs, 60_000, 0, 3_600_000),
  };
}

/** @throws WAL_INVALID_ARGUMENT where there is no storage. */
export function checkStorage(operation: string, storage: unknown): void {
  if (typeof storage !== "object" || storage === null) throw invalid(operation, "storage is none; it must be a storage backend");
}

/** How many objects `mergeLog` puts into a pack. @throws WAL_INVALID_ARGUMENT. */
export function checkMergeOptions({ storage, packObjects = PACK_OBJECTS }: MergeOptions): number {
  checkStorage("mergeLog", storage);
  if (storage.appendable !== undefined) throw invalid("mergeLog", "a log in files has no objects to merge; this is for storage that cannot append");
  return wholeNumber("mergeLog", "packObjects", packObjects, 2, MAX_PACK_OBJECTS);
}

/** The error of a range that is none, to be thrown when the loop begins. */
export function checkReadRange(operation: string, range: ReadRange): WalError | undefined {
  const { limit } = range;
  if (limit !== undefined && limit !== Infinity && (!Number.isSafeInteger(limit) || limit < 0)) {
    return invalid(operation, `limit is ${limit}; it must be a whole number, 0 or more`);
  }
  return (
    (range.from === undefined ? undefined : checkSeq(operation, "from", range.from)) ??
    (range.to === undefined || range.to === 0 ? undefined : checkSeq(operation, "to", range.to))
  );
}

/** The error of a sequence number that is none. */
export function checkSeq(operation: string, name: string, seq: number): WalError | undefined {
  if (Number.isSafeInteger(seq) && seq >= 1) return undefined;
  return invalid(operation, `${name} is ${seq}; a sequence number is a whole number from 1 to 2^53 − 1`);
}

function parentLog({ logId, seq }: LogParent, startSeq: number): ParentLog {
  if (!/^(?!0{32})[0-9a-f]{32}$/.test(logId)) throw invalid("openLog", "parent.logId must be 32 hexadecimal digits, not all of them 0");
  return { logId: new Uint8Array(Buffer.from(logId, "hex")), seq: wholeNumber("openLog", "parent.seq", seq, startSeq - 1, Number.MAX_SAFE_INTEGER) };
}

const MIB = 1024 * 1024;
const PACK_OBJECTS = 256;

function wholeNumber(operation: string, name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalid(operation, `${name} is ${String(value)}; it must be a whole number from ${min} to ${max}`);
}

function invalid(operation: string, message: string): WalError {
  return new WalError("WAL_INVALID_ARGUMENT", message, { operation, outcome: "not_applied" });
}
