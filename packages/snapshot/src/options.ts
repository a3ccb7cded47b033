import { invalidArgument, requireWholeNumber } from "./errors.js";
import type { ReplayModule, StateStoreOptions } from "./state-types.js";

/** The numbers of {@link StateStoreOptions}, defaults filled in and bounds checked. */
export interface StateSettings {
  readonly version: number;
  readonly everyBytes: number;
  readonly everyMs: number | undefined;
  readonly keep: number;
  readonly replay: ReplayModule | undefined;
}

/** @throws SNAPSHOT_INVALID_ARGUMENT. */
export function checkStateOptions<S, E>(options: StateStoreOptions<S, E>): StateSettings {
  const { initial, version = 1, snapshot: { everyBytes = 64 * MIB, everyMs, keep = 2, replay } = {} } = options;
  const operation = "openStateStore";
  // Callers in plain JavaScript are told what the types would have told them.
  if (typeof options.apply !== "function") throw invalidArgument(operation, "apply must be a function");
  if (initial === undefined) throw invalidArgument(operation, "initial must not be undefined");
  if (replay !== undefined && !(replay.module instanceof URL) && typeof replay.module !== "string") {
    throw invalidArgument(operation, "snapshot.replay.module must be a URL");
  }
  if (everyBytes !== Infinity) requireWholeNumber(operation, "snapshot.everyBytes", everyBytes, 1024, Number.MAX_SAFE_INTEGER);
  if (everyMs !== undefined) requireWholeNumber(operation, "snapshot.everyMs", everyMs, 1, 2 ** 31 - 1);
  return {
    version: requireWholeNumber(operation, "version", version, 1, 2 ** 32 - 1),
    everyBytes,
    everyMs,
    keep: requireWholeNumber(operation, "snapshot.keep", keep, 1, 1000),
    replay,
  };
}

const MIB = 1024 * 1024;
