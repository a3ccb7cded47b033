export { bodyBytes, readBody } from "./body.js";
export type { BodyCall } from "./body.js";
export type {
  AppendableStorage,
  AppendFile,
  AppendOpenOptions,
  ByteRange,
  CallOptions,
  ListOptions,
  ReadIntoOptions,
  ReadOptions,
  StorageBackend,
  StorageBody,
  StorageEntry,
  StorageLock,
} from "./contract.js";
export { createOrAdopt } from "./create-or-adopt.js";
export type { CreatedOrAdopted, CreateOrAdoptOptions } from "./create-or-adopt.js";
export { hasCode, HoldfastError, isHoldfastError, StorageError } from "./errors.js";
export type { ErrorDetails, StorageErrorCode, StorageErrorDetails, WriteOutcome } from "./errors.js";
export { decodeKeyPart, encodeKeyPart, joinKey, joinPrefix, MAX_KEY_BYTES, storageKey, storagePrefix } from "./keys.js";
export type { StorageKey, StoragePrefix } from "./keys.js";
export { memoryBackend } from "./memory.js";
export type { MemoryBackendOptions } from "./memory.js";
export { memoryDisk } from "./memory-disk.js";
export type { MemoryDisk } from "./memory-disk.js";
export { onAbort } from "./on-abort.js";
export { scoped } from "./scoped.js";
export { systemClock, systemRandom } from "./system.js";
