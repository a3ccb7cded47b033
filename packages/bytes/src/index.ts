export { crc32c, crc32cPure } from "./crc32c.js";
export { BytesError } from "./errors.js";
export type { BytesErrorCode, BytesErrorDetails } from "./errors.js";
export { ByteReader } from "./reader.js";
export { decimal20, MAX_U64, parseDecimal20, toSafeInteger, u64FromDecimal, u64ToDecimal } from "./u64.js";
export { decodeUtf8, encodeUtf8 } from "./utf8.js";
export { ByteWriter } from "./writer.js";
export type { ByteWriterOptions } from "./writer.js";
