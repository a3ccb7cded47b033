import { JsonError } from "@holdfast/bytes/json";
import { KinesisError } from "./errors.js";
import type { KinesisState } from "./format/model.js";
import { readEntry, readState, writeEntry, writeState, type ReadEntry } from "./format/state.js";

/**
 * A state as the original writes `snapshot.bin` (ferrokinesis 0.7.0): compact JSON, equal to the byte for an equal state.
 *
 * @throws KINESIS_INVALID_STATE with `path` and `reason`: a number out of its bounds, half a character in a text.
 */
export function encodeKinesisState(state: KinesisState): Uint8Array {
  return converted("encodeKinesisState", () => writeState(state));
}

/**
 * Reads {@link encodeKinesisState}, and everything else that the original takes for it: white space, fields in any order, unknown
 * fields, arrays in the place of objects, no `pending_transitions`.
 *
 * @throws KINESIS_INVALID_STATE with `path`, `reason` and `offset`.
 */
export function decodeKinesisState(bytes: Uint8Array): KinesisState {
  return converted("decodeKinesisState", () => readState(bytes));
}

/** A state as an entry of the log: the payload of a frame. @throws KINESIS_INVALID_STATE as {@link encodeKinesisState}. */
export function encodeKinesisEntry(state: KinesisState): Uint8Array {
  return converted("encodeKinesisEntry", () => writeEntry(state));
}

/** The state in the payload of a frame. @throws KINESIS_INVALID_STATE as {@link decodeKinesisState}. */
export function decodeKinesisEntry(payload: Uint8Array): KinesisState {
  return readKinesisEntry(payload).state;
}

/** {@link decodeKinesisEntry}, and the bytes of the state inside the payload. */
export function readKinesisEntry(payload: Uint8Array): ReadEntry {
  return converted("decodeKinesisEntry", () => readEntry(payload));
}

function converted<T>(operation: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { message, path, reason, offset } = error;
    const outcome = operation.startsWith("encode") ? "not_applied" : undefined;
    throw new KinesisError("KINESIS_INVALID_STATE", message, { operation, path, reason, offset, outcome });
  }
}
