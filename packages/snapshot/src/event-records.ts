import type { Codec } from "@holdfast/wal";
import { SnapshotError } from "./errors.js";

/** What event records need to know. */
export interface EventRecordOptions<E> {
  readonly codec: Codec<E>;
  /** Of events that are written. */
  readonly version: number;
  readonly migrate: ((event: unknown, from: number) => E) | undefined;
}

/** Events as the log's records: the version (4 bytes, little endian), then what the codec makes of the event. */
export class EventRecords<E> {
  readonly #options: EventRecordOptions<E>;

  constructor(options: EventRecordOptions<E>) {
    this.#options = options;
  }

  /** @throws STATE_CODEC_FAILED, `not_applied`. */
  encode(event: E): Uint8Array {
    const { codec, version } = this.#options;
    try {
      const bytes = codec.encode(event);
      const record = new Uint8Array(VERSION_BYTES + bytes.length);
      new DataView(record.buffer).setUint32(0, version, true);
      record.set(bytes, VERSION_BYTES);
      return record;
    } catch (cause) {
      throw new SnapshotError("STATE_CODEC_FAILED", `the codec "${codec.name}" refused the event`, { operation: "commit", outcome: "not_applied", cause });
    }
  }

  /** The event of a record, of this program's version. @throws STATE_CODEC_FAILED, STATE_UNSUPPORTED_VERSION, STATE_REPLAY_FAILED. */
  decode(record: Uint8Array, seq: number, operation: string): E {
    const { codec, version, migrate } = this.#options;
    const from = record.length < VERSION_BYTES ? undefined : new DataView(record.buffer, record.byteOffset, VERSION_BYTES).getUint32(0, true);
    if (from === undefined) throw new SnapshotError("STATE_CODEC_FAILED", `record ${seq} of the log is no event`, { operation, seq });
    let event: E;
    try {
      event = codec.decode(record.subarray(VERSION_BYTES));
    } catch (cause) {
      throw new SnapshotError("STATE_CODEC_FAILED", `the codec "${codec.name}" refused the stored event ${seq}`, { operation, seq, cause });
    }
    return from === version ? event : migrated(`event ${seq}`, event, { from, version, migrate, seq, operation });
  }
}

/** How a value of another version becomes one of this program's. */
export interface Migration<T> {
  readonly from: number;
  readonly version: number;
  readonly migrate: ((value: unknown, from: number) => T) | undefined;
  readonly seq: number;
  readonly operation: string;
}

/** @throws STATE_UNSUPPORTED_VERSION if it is newer or there is no migration, STATE_REPLAY_FAILED if that throws. */
export function migrated<T>(what: string, value: unknown, { from, version, migrate, seq, operation }: Migration<T>): T {
  if (from > version || migrate === undefined) {
    const why = from > version ? "a newer one" : "an older one, and there is nothing to migrate it";
    throw new SnapshotError("STATE_UNSUPPORTED_VERSION", `${what} is of version ${from}; this program's is ${version}: ${why}`, { operation, seq });
  }
  try {
    return migrate(value, from);
  } catch (cause) {
    throw new SnapshotError("STATE_REPLAY_FAILED", `the migration from version ${from} refused ${what}`, { operation, seq, cause });
  }
}

const VERSION_BYTES = 4;
