/** What a replay met: for checking that nobody skipped anything. */
export interface Replayed {
  readonly records: number;
  readonly bytes: number;
}

/** A store of records in order, opened. The log and each database it is compared with implement it as well as they can. */
export interface RecordStore {
  /** Resolves when the record has survived power loss. */
  append(record: Uint8Array): Promise<unknown>;
  /** Resolves when all of them, as one unit, have survived power loss. */
  appendBatch(records: readonly Uint8Array[]): Promise<unknown>;
  /** Visits every record from the first to the last; each value could be kept. */
  replay(): Promise<Replayed>;
  close(): Promise<void>;
}

/** How a store is opened, and with which settings. */
export interface Peer {
  readonly name: string;
  /** The settings that make it durable, as the report prints them. */
  readonly setting: string;
  /** Opens a store in an existing directory: a new one if the directory is empty. */
  open(directory: string): Promise<RecordStore>;
}

/** A peer that cannot run here, and why. */
export interface MissingPeer {
  readonly name: string;
  readonly missing: string;
}
