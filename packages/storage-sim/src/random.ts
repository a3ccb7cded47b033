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
      for (let at = 0; at < length; at += 4) {
        const word = random.next();
        for (let index = 0; index < 4 && at + index < length; index += 1) bytes[at + index] = word >>> (8 * index);
      }
      return bytes;
    },
  };
}
