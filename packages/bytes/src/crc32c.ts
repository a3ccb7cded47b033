import { CHECK_INPUT, CHECK_VALUE, requireCrc32c, variedBytes, type Crc32c } from "./crc32c-check.js";
import { FOLDING_MIN_BYTES, foldingCrc32c } from "./crc32c-folding.js";
import { crc32cPure } from "./crc32c-pure.js";

/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 section 12.1).
 *
 * @param bytes - Any length.
 * @param initial - The CRC of what comes before `bytes`, an unsigned 32-bit integer, default 0: `crc32c(b, crc32c(a))` is the CRC of `a` followed by `b`.
 * @returns An unsigned 32-bit integer.
 */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  if (bytes.length < NATIVE_MIN_BYTES) return crc32cPure(bytes, initial);
  native ??= loadNative();
  if (bytes.length < FOLDING_MIN_BYTES) return native(bytes, initial);
  long ??= startFolding(native);
  return long(bytes, initial);
}

/**
 * From now on {@link crc32c} asks this function for the CRC of 208 bytes and more, which are the lengths at which the pure function
 * is slower than a native one. Holds for this copy of the package in this thread, until the next call. The function is compared
 * with the pure one first, over some 160 KiB, which takes some milliseconds; after that its answers are believed, and what it
 * throws is thrown.
 *
 * @param implementation - Computes CRC-32C as {@link crc32c} does. `undefined`: back to the default.
 * @throws BytesError BYTES_INVALID_IMPLEMENTATION if it throws or answers anything but the right number; what was in use stays.
 */
export function useCrc32c(implementation: Crc32c | undefined): void {
  if (implementation !== undefined) requireCrc32c(implementation);
  native = implementation;
  long = implementation;
}

/**
 * From this length on the native function is faster in spite of the call into it. Measured with Node 20 on x86-64, nanoseconds
 * pure / native: 16 bytes 22/128, 64 bytes 59/136, 192 bytes 155/164, 256 bytes 195/175, 1 KiB 690/300, 4 KiB 2800/850.
 */
const NATIVE_MIN_BYTES = 208;

/** What is asked from that length on, and from {@link FOLDING_MIN_BYTES} on; unknown until it is needed. */
let native: Crc32c | undefined;
let long: Crc32c | undefined;

/** The folding function, or the other one where it cannot be had or is wrong. */
function startFolding(other: Crc32c): Crc32c {
  const folding = foldingCrc32c(other);
  const probe = variedBytes(PROBE_BYTES);
  return folding?.(probe, CHECK_VALUE) === other(probe, CHECK_VALUE) ? folding : other;
}

const PROBE_BYTES = 20_000;

/**
 * The native function, or the pure one where there is none: in a browser, or where the prebuilt module was not installed. Loaded
 * at the first use, so that importing this module does nothing; through `process`, because the package also works without Node.
 */
function loadNative(): Crc32c {
  try {
    const require = globalThis.process.getBuiltinModule("node:module").createRequire(import.meta.url);
    const module: unknown = require("@node-rs/crc32");
    if (isCrc32cModule(module) && module.crc32c(CHECK_INPUT, 0) === CHECK_VALUE) return module.crc32c;
    return crc32cPure;
  } catch {
    return crc32cPure;
  }
}

function isCrc32cModule(module: unknown): module is { readonly crc32c: Crc32c } {
  return typeof module === "object" && module !== null && "crc32c" in module && typeof module.crc32c === "function";
}
