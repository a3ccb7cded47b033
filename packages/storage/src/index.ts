export type {
  AppendableStorage,
  AppendFile,
  AppendOpenOptions,
  ByteRange,
  CallOptions,
  ListOptions,
  ReadOptions,
  StorageBackend,
  StorageBody,
  StorageEntry,
  StorageLock,
} from "./contract.js";
export { hasCode, HoldfastError, isHoldfastError, StorageError } from "./errors.js";
export type { ErrorDetails, StorageErrorCode, StorageErrorDetails, WriteOutcome } from "./errors.js";
export type { StorageKey, StoragePrefix } from "./keys.js";
export { systemClock, systemRandom } from "./system.js";
