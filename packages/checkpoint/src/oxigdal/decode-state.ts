import { ByteReader, decodeUtf8 } from "@holdfast/bytes";
import { MAX_NAMES, type CheckpointState } from "../checkpoint-state.js";
import { CheckpointError } from "../errors.js";
import { utf8Problem } from "./utf8-problem.js";

/** Options of {@link decodeCheckpointState}. */
export interface DecodeOptions {
  /** The bytes do not say of which stream they are. */
  readonly streamId: string;
  /** Take what the original takes: no sources at the end, bytes behind it, names that come twice. Default false. */
  readonly lenient?: boolean | undefined;
}

/** A state, and what a strict reader would have refused: with `lenient: false` there is no such thing. */
export interface DecodedState {
  /** States of operators are views of the input. Its metadata is empty. */
  readonly state: CheckpointState;
  /** It ended in the number of sources or before, and so has none. */
  readonly missingSources: boolean;
  /** Bytes behind its end. */
  readonly trailingBytes: number;
  /** Names that came more than once; the last one counts. */
  readonly duplicateNames: readonly string[];
}

/**
 * Reads the bytes that {@link encodeCheckpointState} or the original writes, in any order of names. No count or length of them is
 * believed before as many bytes were seen.
 *
 * @throws CHECKPOINT_MALFORMED with the offset at which the read began that failed, and the original's message. CHECKPOINT_TOO_LARGE for more
 * than 16,384 operators or sources.
 */
export function decodeCheckpointState(bytes: Uint8Array, { streamId, lenient = false }: DecodeOptions): DecodedState {
  if (bytes.length < HEAD_BYTES) throw malformed(streamId, 0, "checkpoint data too short for header");
  const reader = new ByteReader(bytes);
  const [sequence, watermarkNs, eventCount] = [reader.u64(), reader.u64(), reader.u64()];
  const section: Section = { reader, streamId, lenient, duplicateNames: new Set() };
  const operators = readNamed(section, () => readBytes(section, "truncated operator state bytes"));
  const missingSources = lenient && reader.remaining < 4;
  const sources = missingSources ? new Map<string, bigint>() : readNamed(section, () => readU64(section));
  const trailingBytes = missingSources ? 0 : reader.remaining;
  if (trailingBytes > 0 && !lenient) throw malformed(streamId, reader.offset, `${trailingBytes} bytes stand behind its end`);
  const state = { id: { streamId, sequence }, watermarkNs, eventCount, operators, sources, metadata: new Map<string, string>() };
  return { state, missingSources, trailingBytes, duplicateNames: [...section.duplicateNames] };
}

const HEAD_BYTES = 24;

interface Section {
  readonly reader: ByteReader;
  readonly streamId: string;
  readonly lenient: boolean;
  readonly duplicateNames: Set<string>;
}

/** A count, and as many names, each with what `readValue` reads behind it. */
function readNamed<T>(section: Section, readValue: () => T): ReadonlyMap<string, T> {
  const { reader, streamId, lenient, duplicateNames } = section;
  const found = new Map<string, T>();
  for (let left = readU32(section); left > 0; left -= 1) {
    const at = reader.offset;
    const name = readName(section);
    const isDuplicate = found.has(name);
    if (isDuplicate && !lenient) throw malformed(streamId, at, "a name that was there before");
    if (isDuplicate) duplicateNames.add(name);
    if (!isDuplicate && found.size === MAX_NAMES) {
      throw new CheckpointError("CHECKPOINT_TOO_LARGE", `more than ${MAX_NAMES} names`, { operation: OPERATION, offset: at, streamId });
    }
    found.set(name, readValue());
  }
  return found;
}

function readName(section: Section): string {
  const { reader, streamId } = section;
  const bytes = readBytes(section, "truncated string bytes");
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    const problem = utf8Problem(bytes);
    // Not the bytes but their number is too much, for a text of this engine.
    if (problem === undefined) throw error;
    throw malformed(streamId, reader.offset - bytes.length, `invalid UTF-8 in field name: ${problem}`);
  }
}

function readBytes(section: Section, truncated: string): Uint8Array {
  const { reader, streamId } = section;
  const length = readU32(section);
  if (length > reader.remaining) throw malformed(streamId, reader.offset, truncated);
  return reader.bytes(length);
}

function readU32({ reader, streamId }: Section): number {
  if (reader.remaining < 4) throw malformed(streamId, reader.offset, `cannot read u32 at offset ${reader.offset}`);
  return reader.u32();
}

function readU64({ reader, streamId }: Section): bigint {
  if (reader.remaining < 8) throw malformed(streamId, reader.offset, `cannot read u64 at offset ${reader.offset}`);
  return reader.u64();
}

const OPERATION = "decode";

function malformed(streamId: string, offset: number, message: string): CheckpointError {
  return new CheckpointError("CHECKPOINT_MALFORMED", message, { operation: OPERATION, offset, streamId });
}
