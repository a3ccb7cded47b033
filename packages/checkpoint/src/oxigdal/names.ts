import { encodeUtf8 } from "@holdfast/bytes";
import { MAX_NAMES } from "../checkpoint-state.js";
import { CheckpointError, invalidArgument } from "../errors.js";

/** A name as it is written, with what belongs to it. */
export interface Named<T> {
  readonly name: Uint8Array;
  readonly value: T;
}

/**
 * The entries of a map in the order of their names' UTF-8 bytes, so that equal maps give equal bytes.
 *
 * @throws CHECKPOINT_TOO_LARGE for more than {@link MAX_NAMES}. CHECKPOINT_INVALID_ARGUMENT for a name with a lone surrogate.
 */
export function sortedByName<T>(what: string, map: ReadonlyMap<string, T>): readonly Named<T>[] {
  if (map.size > MAX_NAMES) {
    throw new CheckpointError("CHECKPOINT_TOO_LARGE", `${map.size} ${what}; there may be ${MAX_NAMES}`, { operation: "encode", outcome: "not_applied" });
  }
  const all = Array.from(map, ([name, value]): Named<T> => ({ name: nameBytes(what, name), value }));
  return all.sort((one, other) => compareBytes(one.name, other.name));
}

/** Less than 0, 0 or more, as `one` stands before, at or behind `other`. */
function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

function nameBytes(what: string, name: string): Uint8Array {
  if (/\p{Surrogate}/u.test(name)) throw invalidArgument("encode", `a name among the ${what} has a lone surrogate`);
  return encodeUtf8(name);
}
