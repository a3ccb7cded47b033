/** Which checkpoint: of which stream, and where in it. */
export interface CheckpointId {
  /** Not empty, well-formed text. A store takes ids of at most 200 characters when encoded as a storage name. */
  readonly streamId: string;
  /** 0 to 2^64 − 1. Among the checkpoints of a stream the one with the highest sequence is the latest. */
  readonly sequence: bigint;
}

/**
 * What is needed to go on with a stream where it was: what oxigdal-streaming 0.1.3 calls `CheckpointState`. Names are well-formed texts, also
 * empty ones; integers are exact from 0 to 2^64 − 1.
 */
export interface CheckpointState {
  readonly id: CheckpointId;
  /** Nanoseconds. */
  readonly watermarkNs: bigint;
  readonly eventCount: bigint;
  /** State of each operator, by name. */
  readonly operators: ReadonlyMap<string, Uint8Array>;
  /** Where each source is to be read on, by name. */
  readonly sources: ReadonlyMap<string, bigint>;
  /** Anything else to remember. It is not part of oxigdal's bytes; a store keeps it. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The most operators, and the most sources, that a state may have: so many cost a few MiB, whatever is in them. */
export const MAX_NAMES = 16_384;
