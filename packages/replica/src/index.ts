export { ReplicaError } from "./errors.js";
export type { ReplicaErrorCode, ReplicaErrorDetails } from "./errors.js";
export { isGenerationName, newGenerationName } from "./format/generation-name.js";
export { compareSnapshots, compareWalSegments } from "./format/infos.js";
export type { SnapshotInfo, WalSegmentInfo } from "./format/infos.js";
export type { ReplicaLayoutName } from "./format/layouts.js";
export { formatIndex, formatOffset, parseIndex, parseOffset } from "./format/numbers.js";
export { comparePos, formatPos, isZeroPos, parsePos, truncatePos, ZERO_POS } from "./format/pos.js";
export type { Pos } from "./format/pos.js";
