import type { Crc32c } from "./crc32c-check.js";
import { FOLD_STEP_BYTES, foldModule } from "./fold-module.js";

/**
 * CRC-32C of long inputs by exclusive or alone (Russell 2024, "Chorba: A novel CRC32 implementation", arXiv:2412.16398), in WebAssembly
 * with vectors of 16 bytes: 1.6 to 2.6 times as fast as one chain of the processor's own CRC instruction.
 *
 * The polynomial of CRC-32C divides x^5275 + x^4508 + x^2751 + 1. So does it, squared three times, with eight times the exponents, which are bytes
 * then: a byte may be taken out of the message when it is added to those 767, 2,524 and 5,275 bytes behind it, and the CRC stays
 * the same. All bytes but the last {@link SPAN_BYTES} or a few more go that way; the CRC of what has gathered in these is that of the whole.
 *
 * @param ofRest - Computes the CRC of what is left.
 * @returns For inputs of any length; below {@link FOLDING_MIN_BYTES} it is the slower one. `undefined` where there is no WebAssembly, or none with vectors.
 */
export function foldingCrc32c(ofRest: Crc32c): Crc32c | undefined {
  const folding = start();
  if (folding === undefined) return undefined;
  const { fold, memory } = folding;
  return (bytes, initial) => {
    const folded = bytes.length - SPAN_BYTES - ((bytes.length - SPAN_BYTES) % FOLD_STEP_BYTES);
    if (folded <= 0) return ofRest(bytes, initial);
    memory.fill(0, HISTORY, OUTPUT);
    let last = 0;
    for (let at = 0; at < folded; at += BLOCK_BYTES) {
      last = Math.min(BLOCK_BYTES, folded - at);
      memory.set(bytes.subarray(at, at + last), INPUT);
      // A CRC is continued by adding it to the first four bytes.
      if (at === 0) for (let byte = 0; byte < 4; byte++) memory[INPUT + byte] = (memory[INPUT + byte] ?? 0) ^ (~initial >>> (8 * byte));
      else memory.copyWithin(HISTORY, OUTPUT + BLOCK_BYTES - HISTORY_BYTES, OUTPUT + BLOCK_BYTES);
      fold(INPUT, OUTPUT - SPAN_BYTES, OUTPUT, INPUT + last);
    }
    // Of the rest nothing is taken out: behind what was, there are zeros.
    const rest = bytes.length - folded;
    memory.fill(0, OUTPUT + last, OUTPUT + last + REST_BYTES);
    memory.set(bytes.subarray(folded), INPUT);
    fold(INPUT, OUTPUT + last - SPAN_BYTES, REST, INPUT + rest);
    return ofRest(memory.subarray(REST, REST + rest), NOTHING_BEFORE);
  };
}

/** The length from which on this was faster than `@node-rs/crc32`. Measured in docs/decisions/0013. */
export const FOLDING_MIN_BYTES: number = 32 * 1024;

/** How far behind a byte its farthest copy is added. */
const SPAN_BYTES = 5275;
/** Where those that are added to a byte lie, counted from the farthest. */
const DELAYS = [5275 - 2524, 5275 - 767] as const;

/** The CRC whose complement is 0: it adds nothing to the bytes that continue it. */
const NOTHING_BEFORE = 0xffff_ffff;

/** Small enough for the fastest cache, twice. */
const BLOCK_BYTES = 32 * 1024;
/** The span, in whole steps. */
const HISTORY_BYTES = 5312;
/** The span and what does not fill a step before it, in whole steps. */
const REST_BYTES: number = HISTORY_BYTES + FOLD_STEP_BYTES;

/** Where things lie in the module's memory: what was taken out before this block, this block's, the block or the rest as it came, the folded rest. */
const HISTORY = 0;
const OUTPUT: number = HISTORY + HISTORY_BYTES;
const INPUT: number = OUTPUT + BLOCK_BYTES + REST_BYTES;
const REST: number = INPUT + BLOCK_BYTES;
const PAGE_BYTES = 64 * 1024;
const PAGES: number = Math.ceil((REST + REST_BYTES) / PAGE_BYTES);

/** The module at work, and its memory. */
interface Folding {
  readonly fold: (input: number, before: number, output: number, end: number) => void;
  readonly memory: Uint8Array;
}

function start(): Folding | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const { fold } = new WebAssembly.Instance(new WebAssembly.Module(foldModule(DELAYS)), { m: { m: memory } }).exports;
    return fold === undefined ? undefined : { fold, memory: new Uint8Array(memory.buffer) };
  } catch {
    // No WebAssembly, none with vectors, or no room for its memory: what is asked instead answers the same.
    return undefined;
  }
}
