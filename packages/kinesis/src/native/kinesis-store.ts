import { openStateStore, type StateDefinition, type StateStore, type StateStoreOptions } from "@holdfast/snapshot";
import { applyKinesisEvent } from "./apply.js";
import { kinesisEventCodec } from "./event-codec.js";
import type { KinesisEvent } from "./events.js";
import { kinesisTablesCodec } from "./tables-codec.js";
import { emptyTables, type KinesisTables } from "./tables.js";

/** Options of {@link openKinesisStore}: those of `openStateStore` that are not the Kinesis state's own. */
export type KinesisStoreOptions = Omit<StateStoreOptions<KinesisTables, KinesisEvent>, keyof StateDefinition<KinesisTables, KinesisEvent>>;

/** A Kinesis state that survives crashes; a change costs its own bytes, whatever the state holds. */
export type KinesisStore = StateStore<KinesisTables, KinesisEvent>;

/** What the state is and how it changes. Also for `snapshot.replay`, which builds snapshots in a worker: its module is this package. */
export const kinesisDefinition: StateDefinition<KinesisTables, KinesisEvent> = {
  initial: emptyTables,
  apply: applyKinesisEvent,
  codec: { state: kinesisTablesCodec, event: kinesisEventCodec },
  version: 1,
};

/**
 * Opens a Kinesis state on any storage, or begins one: the newest snapshot that can be read, and the events behind it.
 *
 * @param options - See `openStateStore` of `@holdfast/snapshot`: `storage`, `prefix`, `snapshot`, `log`, …
 * @throws as `openStateStore`. A commit of an event about what is not there rejects STATE_EVENT_REJECTED, with KINESIS_EVENT_REFUSED as `cause`;
 * one with a number out of its bounds or half a character in a text rejects STATE_CODEC_FAILED.
 */
export function openKinesisStore(options: KinesisStoreOptions): Promise<KinesisStore> {
  return openStateStore({ ...options, ...kinesisDefinition });
}
