import type { RandomSource } from "@holdfast/storage/ports";
import { Prng } from "./prng.js";

/**
 * Random bytes that follow from a seed. Never for secrets.
 *
 * @param seed - A safe integer.
 */
export function seededRandom(seed: number): RandomSource {
  const random = new Prng(seed);
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      const words = new DataView(bytes.buffer);
      let at = 0;
      for (; at + 4 <= length; at += 4) words.setUint32(at, random.next(), true);
      for (let word = at < length ? random.next() : 0; at < length; at += 1, word >>>= 8) bytes[at] = word;
      return bytes;
    },
  };
}
