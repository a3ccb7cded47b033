import { BytesError } from "@holdfast/bytes";
import { JsonError } from "@holdfast/bytes/json";
import { KinesisError } from "./errors.js";
import { readConsumer, writeConsumer, type KinesisConsumer } from "./format/consumer.js";
import type { KinesisState } from "./format/model.js";
import { readEntry, readState, writeEntry, writeState, type ReadEntry } from "./format/state.js";
import { readRecord, writeRecord, type StoredRecord } from "./format/stored-record.js";

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

/** A consumer as it stands in a state, as JSON. @throws KINESIS_INVALID_STATE as {@link encodeKinesisState}. */
export function encodeKinesisConsumer(consumer: KinesisConsumer): Uint8Array {
  return converted("encodeKinesisConsumer", () => writeConsumer(consumer));
}

/** The consumer in `consumers[…][1]` of a state. @throws KINESIS_INVALID_STATE as {@link decodeKinesisState}. */
export function decodeKinesisConsumer(bytes: Uint8Array): KinesisConsumer {
  return converted("decodeKinesisConsumer", () => readConsumer(bytes));
}

/**
 * A record as it stands in a state: postcard 1.1, with two texts, each behind its length in seven bits a byte, and a little-endian double.
 *
 * @throws KINESIS_INVALID_RECORD: half a character in a text.
 */
export function encodeStoredRecord(record: StoredRecord): Uint8Array {
  return converted("encodeStoredRecord", () => writeRecord(record));
}

/**
 * The record in `records[…].records[…][1]` of a state. Nothing else here decodes records: what does not decode is kept as it is. Bytes behind
 * the record are passed over, as the original does.
 *
 * @throws KINESIS_INVALID_RECORD with `offset`.
 */
export function decodeStoredRecord(bytes: Uint8Array): StoredRecord {
  return converted("decodeStoredRecord", () => readRecord(bytes));
}

function converted<T>(operation: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    const outcome = operation.startsWith("encode") ? "not_applied" : undefined;
    const { message, offset } = error;
    if (!(error instanceof JsonError)) throw new KinesisError("KINESIS_INVALID_RECORD", `the record: ${message}`, { operation, offset, outcome, cause: error });
    const { path, reason } = error;
    throw new KinesisError("KINESIS_INVALID_STATE", message, { operation, path, reason, offset, outcome });
  }
}
