export { encodeFkwal2Entry, encodeFkwal2Header, FKWAL2_HEADER_BYTES } from "./encode.js";
export { Fkwal2Error } from "./error.js";
export type { Fkwal2ErrorCode, Fkwal2ErrorDetails } from "./error.js";
export { readFkwal2 } from "./read.js";
export type { Fkwal2Reading, Fkwal2ReadOptions } from "./read.js";
export { scanFkwal2 } from "./scan.js";
export type { Fkwal2Decode, Fkwal2Decoded, Fkwal2Frame, Fkwal2Scan, Fkwal2Tail } from "./scan.js";
