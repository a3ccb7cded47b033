import { hasCode } from "@holdfast/storage";
import type { ByteSource } from "./byte-source.js";
import { ReplicaError } from "./errors.js";

/**
 * Reads what is left of something whose content makes no sense. An object shows that it is damaged by the checksums at its end, and says
 * which one it is and where; its content is met before.
 *
 * @returns REPLICA_CORRUPT with `key` and `offset`; `undefined`: the objects are what was written.
 */
export async function damageBehind(source: ByteSource): Promise<ReplicaError | undefined> {
  try {
    await source.skip(Infinity);
    return undefined;
  } catch (error) {
    // Whatever else may be wrong behind it is not what is wrong here.
    return error instanceof ReplicaError && hasCode(error, "REPLICA_CORRUPT") && error.key !== undefined ? error : undefined;
  }
}
