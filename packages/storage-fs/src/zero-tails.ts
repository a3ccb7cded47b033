import { MAX_WRITE_BYTES } from "./reservation.js";

/**
 * Runs a write of `bytes` with `zeros` zeros behind them, in a buffer that is used again for the next one.
 *
 * @returns what `write` answers.
 */
export async function withZeroTail(bytes: Uint8Array, zeros: number, write: (extended: Uint8Array) => Promise<number>): Promise<number> {
  const buffer = spare.pop() ?? new Uint8Array(MAX_WRITE_BYTES);
  try {
    const extended = buffer.subarray(0, bytes.byteLength + zeros);
    extended.set(bytes);
    extended.fill(0, bytes.byteLength);
    return await write(extended);
  } finally {
    if (spare.length < MAX_SPARE) spare.push(buffer);
  }
}

const spare: Uint8Array[] = [];
/** As many as there are commits at a time in one thread. */
const MAX_SPARE = 2;
