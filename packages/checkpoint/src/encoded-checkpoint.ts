import { encodeUtf8 } from "@holdfast/bytes";
import { encodeKeyPart } from "@holdfast/storage";
import type { CheckpointState } from "./checkpoint-state.js";
import { CheckpointError, invalidArgument } from "./errors.js";
import { HEADER_BYTES, layOutCheckpoint, type CheckpointBody, type ReadCheckpoint } from "./format/envelope.js";
import { encodeMetadata } from "./format/metadata.js";
import { prepareState, requireId } from "./oxigdal/encode-state.js";
import { sortedByName } from "./oxigdal/names.js";

/** A state as it will be stored, but for what is not known before. */
export interface EncodedCheckpoint {
  readonly streamId: string;
  readonly sequence: bigint;
  readonly body: CheckpointBody;
}

/** Throws as `encodeCheckpointState` does, also for metadata, and STORAGE_INVALID_KEY for a stream id of which there is no name. */
export function encodeCheckpoint(state: CheckpointState): EncodedCheckpoint {
  const { streamId, sequence } = requireId("save", state);
  encodeKeyPart(streamId);
  const prepared = prepareState(state);
  const metadata = encodeMetadata(sortedByName("metadata", state.metadata).map(({ name, value }) => [name, textOf(value)]));
  if (prepared.bytes + metadata.length > MAX_BYTES) {
    throw new CheckpointError("CHECKPOINT_TOO_LARGE", `${prepared.bytes} bytes of state and ${metadata.length} of metadata; there may be ${MAX_BYTES}`, {
      operation: "save",
      outcome: "not_applied",
      streamId,
      sequence,
    });
  }
  return { streamId, sequence, body: layOutCheckpoint(encodeUtf8(streamId), metadata, prepared) };
}

/** Whether this is what was read. When it was made, and by whom, does not matter. */
export function isSameContent({ body }: EncodedCheckpoint, { metadata, state }: Pick<ReadCheckpoint, "metadata" | "state">): boolean {
  const stateAt = HEADER_BYTES + body.streamId.length + body.metadata.length;
  return isEqual(body.metadata, metadata) && isEqual(body.bytes.subarray(stateAt, stateAt + body.stateBytes), state);
}

const MAX_BYTES = 2 ** 32 - 2 ** 20;

function textOf(value: string): Uint8Array {
  if (typeof value !== "string" || /\p{Surrogate}/u.test(value)) throw invalidArgument("save", "a value of the metadata is no text, or has a lone surrogate");
  return encodeUtf8(value);
}

function isEqual(some: Uint8Array, other: Uint8Array): boolean {
  if (some.length !== other.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== other[at]) return false;
  return true;
}
