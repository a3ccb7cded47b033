import { ByteWriter } from "@holdfast/bytes";
import type { CheckpointId, CheckpointState } from "../checkpoint-state.js";
import { CheckpointError, invalidArgument, requireU64 } from "../errors.js";
import { sortedByName, type Named } from "./names.js";

/*
 * The binary of a checkpoint as oxigdal-streaming 0.1.3 (src/v2/checkpoint.rs) writes it. Little endian.
 *
 *   u64 sequence ‖ u64 watermark, ns ‖ u64 event count
 *   u32 operators ‖ each: u32 length ‖ name, UTF-8 ‖ u32 length ‖ state
 *   u32 sources   ‖ each: u32 length ‖ name, UTF-8 ‖ u64 offset
 *
 * The original writes names in the order of a hash map, which is another one in each process; here they are in the order of their bytes.
 */

/** A state that was checked, and how many bytes it takes. */
export interface PreparedState {
  readonly bytes: number;
  write(writer: ByteWriter): void;
}

/**
 * The bytes of a state. The same for equal states. The stream's id and the metadata are not in them.
 *
 * @throws CHECKPOINT_INVALID_ARGUMENT for no id, integers out of range and names with lone surrogates. CHECKPOINT_TOO_LARGE for more than 16,384
 * operators or sources, and for 4 GiB or more.
 */
export function encodeCheckpointState(state: CheckpointState): Uint8Array {
  const prepared = prepareState(state);
  const writer = new ByteWriter({ into: new Uint8Array(prepared.bytes) });
  prepared.write(writer);
  return writer.finish();
}

/** {@link encodeCheckpointState} in two steps, for who writes it into something larger. Throws as it does. */
export function prepareState(state: CheckpointState): PreparedState {
  const { sequence } = requireId("encode", state);
  const { watermarkNs, eventCount, operators, sources } = state;
  const head = [requireU64("encode", "sequence", sequence), requireU64("encode", "watermarkNs", watermarkNs), requireU64("encode", "eventCount", eventCount)];
  const states = sortedByName("operators", operators);
  const offsets = sortedByName("sources", sources);
  for (const { value } of states) if (!(value instanceof Uint8Array)) throw invalidArgument("encode", "the state of an operator is no Uint8Array");
  for (const { value } of offsets) requireU64("encode", "the offset of a source", value);
  const bytes = 24 + 4 + sum(states, ({ name, value }) => 8 + name.length + value.length) + 4 + sum(offsets, ({ name }) => 12 + name.length);
  if (bytes > MAX_BYTES) {
    throw new CheckpointError("CHECKPOINT_TOO_LARGE", `${bytes} bytes of state; there may be ${MAX_BYTES}`, { operation: "encode", outcome: "not_applied" });
  }
  return {
    bytes,
    write(writer) {
      for (const value of head) writer.u64(value);
      writer.u32(states.length);
      for (const { name, value } of states) {
        writeField(writer, name);
        writeField(writer, value);
      }
      writer.u32(offsets.length);
      for (const { name, value } of offsets) {
        writeField(writer, name);
        writer.u64(value);
      }
    },
  };
}

/** The id of a state. Callers in plain JavaScript are told what the type would have told them. @throws CHECKPOINT_INVALID_ARGUMENT where there is none. */
export function requireId(operation: string, state: Partial<Pick<CheckpointState, "id">> | undefined): CheckpointId {
  const id = state?.id;
  if (id) return id;
  throw invalidArgument(operation, "there is no state, or it has no id: a stream id and a sequence");
}

/** So that every length fits its field, with room for what a store puts around it. */
const MAX_BYTES = 2 ** 32 - 2 ** 20;

function writeField(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u32(bytes.length);
  writer.bytes(bytes);
}

function sum<T>(all: readonly Named<T>[], bytesOf: (it: Named<T>) => number): number {
  return all.reduce((total, it) => total + bytesOf(it), 0);
}
