export { bytesCodec, json } from "./codec.js";
export { WalError } from "./errors.js";
export type { WalErrorCode, WalErrorDetails } from "./errors.js";
export type {
  LogClosedEvent,
  LogCommitEvent,
  LogOpenedEvent,
  LogPackEvent,
  LogPoisonedEvent,
  LogProblemEvent,
  LogSegmentEvent,
} from "./diagnostics.js";
export { openLog } from "./open-log.js";
export type {
  AppendOptions,
  Codec,
  Durability,
  FollowOptions,
  Log,
  LogBatch,
  LogOptions,
  LogParent,
  LogReader,
  LogReaderOptions,
  LogRecord,
  LogRecovery,
  LogSource,
  LogStats,
  LogTakeover,
  ReadRange,
} from "./types.js";
export { mergeLog } from "./object-merge.js";
export type { LogMerge, MergeOptions } from "./object-merge.js";
export { openLogReader } from "./log-reader.js";
export { verifyLog } from "./verify.js";
export type { LogVerification, VerifyFinding, VerifyOptions } from "./verify.js";
