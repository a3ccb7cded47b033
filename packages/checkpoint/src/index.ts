export { MAX_NAMES } from "./checkpoint-state.js";
export type { CheckpointId, CheckpointState } from "./checkpoint-state.js";
export { CheckpointError } from "./errors.js";
export type { CheckpointErrorCode, CheckpointErrorDetails } from "./errors.js";
export { decodeCheckpointState } from "./oxigdal/decode-state.js";
export type { DecodedState, DecodeOptions } from "./oxigdal/decode-state.js";
export { encodeCheckpointState } from "./oxigdal/encode-state.js";
