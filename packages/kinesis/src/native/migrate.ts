import { KinesisError } from "../errors.js";
import { kinesisEventCodec } from "./event-codec.js";
import { placeOf, type KinesisDirectoryPlace, type KinesisStorePlace, type PlaceOptions } from "./places.js";
import { eventsOf } from "./tables-codec.js";
import type { KinesisTables } from "./tables.js";

/** Options of {@link migrateKinesisState}. */
export type KinesisMigrationOptions = PlaceOptions;

/** What was migrated. */
export interface KinesisMigration {
  readonly streams: number;
  readonly records: number;
  readonly consumers: number;
}

/**
 * Copies a whole Kinesis state: from a directory of ferrokinesis into a native store, or back, or between two of a kind. Afterwards both are
 * read and compared, value by value. The time of the state is not part of it: a directory gives it another one.
 *
 * Nothing in the source is changed. It should not be in use: opening a native store takes its lock, or takes it over on object storage, and a
 * directory that somebody writes to meanwhile is told from the comparison. A target that was begun and not finished is left as it is; on
 * every backend it has the whole state or none.
 *
 * @throws KINESIS_INVALID_ARGUMENT: there is no state to migrate. KINESIS_NOT_EMPTY: there is something in the target. KINESIS_CHANGED: the source
 * was changed meanwhile. KINESIS_MIGRATION_FAILED: the target reads as another state. What `loadKinesisState`, `openKinesisDirectory`,
 * `openKinesisStore` or the storage throw.
 */
export async function migrateKinesisState(
  from: KinesisDirectoryPlace | KinesisStorePlace,
  to: KinesisDirectoryPlace | KinesisStorePlace,
  options: KinesisMigrationOptions = {},
): Promise<KinesisMigration> {
  const [source, target] = [placeOf(from, options), placeOf(to, { ...options, mode: "strict" })];
  const tables = await source.read();
  if (tables === undefined) throw failed("KINESIS_INVALID_ARGUMENT", `there is no state in ${source.name}`);
  if (!(await target.isEmpty())) throw failed("KINESIS_NOT_EMPTY", `there is something in ${target.name}`);
  await target.write(tables);
  const written = await target.read();
  if (written === undefined || !areSame(tables, written)) throw failed("KINESIS_MIGRATION_FAILED", `what ${target.name} holds now is not what ${source.name} holds`);
  const still = await source.read();
  if (still === undefined || !areSame(tables, still)) throw failed("KINESIS_CHANGED", `the state in ${source.name} was changed while it was migrated`);
  return { streams: tables.streams.size, records: recordsIn(tables), consumers: tables.consumers.size };
}

/** Whether two states consist of the same events, byte for byte. */
function areSame(one: KinesisTables, other: KinesisTables): boolean {
  const others = eventsOf(other);
  for (const event of eventsOf(one)) {
    const next = others.next();
    if (next.done === true || Buffer.compare(kinesisEventCodec.encode(event), kinesisEventCodec.encode(next.value)) !== 0) return false;
  }
  return others.next().done === true;
}

function recordsIn({ records }: KinesisTables): number {
  let count = 0;
  for (const [, shards] of records) for (const [, shard] of shards) count += shard.size;
  return count;
}

function failed(code: "KINESIS_CHANGED" | "KINESIS_INVALID_ARGUMENT" | "KINESIS_MIGRATION_FAILED" | "KINESIS_NOT_EMPTY", message: string): KinesisError {
  return new KinesisError(code, `migrate: ${message}`, { operation: "migrate" });
}
