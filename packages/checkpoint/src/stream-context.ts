import type { StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { StreamPlace } from "./layout.js";

/** What everything that is done with one stream needs. */
export interface StreamContext {
  readonly storage: StorageBackend;
  readonly place: StreamPlace;
  readonly clock: Clock;
  readonly random: RandomSource;
}
