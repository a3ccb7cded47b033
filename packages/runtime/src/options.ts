import { MAX_U64 } from "@holdfast/bytes";
import { storagePrefix, systemClock, type StoragePrefix } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { invalidArgument, requireWholeNumber } from "./errors.js";
import { idSegment, whyNotId } from "./format/id-segment.js";
import type { RuntimeLimits, RuntimeRecord } from "./format/model.js";
import { checkText } from "./mutations.js";
import type { EventPayloads, RuntimeStoreOptions } from "./types.js";

/** Checked options with their defaults. */
export interface RuntimeSettings {
  readonly prefix: StoragePrefix;
  /** What a new runtime begins as. */
  readonly runtime: RuntimeRecord;
  readonly maxContentBytes: number;
  readonly maxDiagnostics: number;
  readonly pageBytes: number;
  readonly clock: Clock;
}

/** Checks everything before the storage is touched. @throws RUNTIME_INVALID_ARGUMENT, STORAGE_INVALID_KEY. */
export function runtimeSettings<E extends EventPayloads, M>(operation: string, options: Omit<RuntimeStoreOptions<E, M>, "storage">): RuntimeSettings {
  const { runtimeId, displayName, clock = systemClock } = options;
  checkRuntimeId(operation, runtimeId);
  const maxContentBytes = requireWholeNumber(operation, "maxContentBytes", options.maxContentBytes ?? 2 ** 20, 1, 2 ** 23);
  if (displayName !== undefined) checkText(operation, "displayName", displayName, { maxContentBytes });
  return {
    prefix: runtimePrefix(runtimeId, options.prefix),
    runtime: {
      runtimeId,
      displayName,
      status: "running",
      limits: runtimeLimits(operation, options.limits),
      nextWorkerSequence: 1n,
      nextEventId: 1n,
      nextDiagnosticId: 1n,
      diagnostics: [],
    },
    maxContentBytes,
    maxDiagnostics: requireWholeNumber(operation, "maxDiagnostics", options.maxDiagnostics ?? 1000, 1, 1_000_000),
    pageBytes: requireWholeNumber(operation, "pageBytes", options.pageBytes ?? 4 * 2 ** 20, 4096, 2 ** 28),
    clock,
  };
}

/** @throws RUNTIME_INVALID_ARGUMENT. */
export function checkRuntimeId(operation: string, runtimeId: string): void {
  const why = typeof runtimeId === "string" ? whyNotId(runtimeId) : "an id is a text";
  if (why !== undefined) throw invalidArgument(operation, `runtimeId: ${why}`);
}

/** Where a runtime's own objects are. @throws STORAGE_INVALID_KEY. */
export function runtimePrefix(runtimeId: string, prefix: string | undefined): StoragePrefix {
  return storagePrefix(prefix ?? `holdfast/${idSegment(runtimeId)}`);
}

function runtimeLimits(operation: string, limits: RuntimeStoreOptions["limits"]): RuntimeLimits {
  return {
    maxTranscriptProjectionItems: limit(operation, "maxTranscriptProjectionItems", limits?.maxTranscriptProjectionItems),
    maxEventBatchItems: limit(operation, "maxEventBatchItems", limits?.maxEventBatchItems),
  };
}

function limit(operation: string, name: string, value: number | bigint | undefined): bigint {
  if (value === undefined) return 256n;
  if ((typeof value === "bigint" || Number.isSafeInteger(value)) && value >= 0 && value <= MAX_U64) return BigInt(value);
  throw invalidArgument(operation, `${name} must be a whole number from 0 to 2^64 - 1`);
}
