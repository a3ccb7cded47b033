/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 section 12.1).
 *
 * @param bytes - Any length.
 * @param initial - The CRC of what comes before `bytes`, default 0: `crc32c(b, crc32c(a))` is the CRC of `a` followed by `b`.
 * @returns An unsigned 32-bit integer.
 */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  if (bytes.length < NATIVE_MIN_BYTES) return crc32cPure(bytes, initial);
  native ??= loadNative();
  return native(bytes, initial);
}

/** {@link crc32c} in plain JavaScript, eight bytes at a time (Kounavis and Berry 2005, "slicing by 8"). Equal for every input. */
export function crc32cPure(bytes: Uint8Array, initial = 0): number {
  const length = bytes.length;
  let crc = ~initial;
  let at = 0;
  // Indices stay inside both arrays, so `?? 0` never answers 0; it tells the compiler so, and the optimiser drops it.
  for (const end = length - 7; at < end; at += 8) {
    crc =
      (tables[1792 + ((crc ^ (bytes[at] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1536 + (((crc >>> 8) ^ (bytes[at + 1] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1280 + (((crc >>> 16) ^ (bytes[at + 2] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1024 + ((crc >>> 24) ^ (bytes[at + 3] ?? 0))] ?? 0) ^
      (tables[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (tables[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (tables[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (tables[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}

type Crc32c = (bytes: Uint8Array, initial?: number) => number;

/**
 * From this length on the native function is faster in spite of the call into it. Measured with Node 20 on x86-64, nanoseconds
 * pure / native: 16 bytes 22/128, 64 bytes 59/136, 192 bytes 155/164, 256 bytes 195/175, 1 KiB 690/300, 4 KiB 2800/850.
 */
const NATIVE_MIN_BYTES = 208;

/** Eight tables of 256 entries: table k continues a byte over k zero bytes. */
const tables: Int32Array = makeTables();

/** The check value by which CRC-32C is known: of the ASCII digits 1 to 9. */
const CHECK_INPUT = Uint8Array.of(0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39);
const CHECK_VALUE = 0xe3069283;

let native: Crc32c | undefined;

/**
 * The native function, or the pure one where there is none: in a browser, or where the prebuilt module was not installed. Loaded
 * at the first use, so that importing this module does nothing; through `process`, because the package also works without Node.
 */
function loadNative(): Crc32c {
  try {
    const require = globalThis.process.getBuiltinModule("node:module").createRequire(import.meta.url);
    const module: unknown = require("@node-rs/crc32");
    if (isCrc32cModule(module) && module.crc32c(CHECK_INPUT) === CHECK_VALUE) return module.crc32c;
    return crc32cPure;
  } catch {
    return crc32cPure;
  }
}

function isCrc32cModule(module: unknown): module is { readonly crc32c: Crc32c } {
  return typeof module === "object" && module !== null && "crc32c" in module && typeof module.crc32c === "function";
}

function makeTables(): Int32Array {
  const result = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    result[byte] = crc;
  }
  for (let index = 256; index < result.length; index++) {
    const before = result[index - 256] ?? 0;
    result[index] = (before >>> 8) ^ (result[before & 0xff] ?? 0);
  }
  return result;
}
