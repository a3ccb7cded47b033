import type { CheckpointState } from "@holdfast/checkpoint";

/** A checkpoint of one operator, whose state has so many bytes that do not compress. */
export function checkpointState(streamId: string, sequence: number, bytes: number): CheckpointState {
  return {
    id: { streamId, sequence: BigInt(sequence) },
    watermarkNs: 0n,
    eventCount: BigInt(sequence),
    operators: new Map([["sums", noise(bytes)]]),
    sources: new Map([["log", BigInt(sequence)]]),
    metadata: new Map(),
  };
}

/** The same each time. */
function noise(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 0x9e37_79b9;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
