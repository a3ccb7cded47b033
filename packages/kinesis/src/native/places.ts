import { fsBackend, nodeFsPort } from "@holdfast/storage-fs";
import { storagePrefix, type StorageBackend } from "@holdfast/storage";
import type { Clock, FsPort, RandomSource } from "@holdfast/storage/ports";
import { snapshotStore } from "@holdfast/snapshot";
import { resolve } from "node:path";
import { openKinesisDirectory } from "../directory.js";
import { KinesisError } from "../errors.js";
import { loadKinesisState } from "../load.js";
import { kinesisDefinition, openKinesisStore } from "./kinesis-store.js";
import { kinesisTablesCodec } from "./tables-codec.js";
import { contentsOf, tablesOf, type KinesisTables } from "./tables.js";

/** A directory of ferrokinesis: its path. */
export interface KinesisDirectoryPlace {
  readonly directory: string;
}

/** A native store: where `openKinesisStore` opens it. */
export interface KinesisStorePlace {
  readonly storage: StorageBackend;
  readonly prefix: string;
}

/** How places are opened. */
export interface PlaceOptions {
  /** How a directory is read that is migrated from, as in `loadKinesisState`. Default `strict`. */
  readonly mode?: "strict" | "recover" | undefined;
  /** As in `loadKinesisState`. */
  readonly maxStateBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  /** Of `fsBackend`, for directories. */
  readonly port?: FsPort | undefined;
}

/** Where a whole state is read from, or written to. */
export interface Place {
  /** For messages. */
  readonly name: string;
  /** Whether there is nothing at all. */
  isEmpty(): Promise<boolean>;
  /** `undefined`: no state was ever stored there. Changes nothing that is stored. */
  read(): Promise<KinesisTables | undefined>;
  /** Makes the place hold this state: wholly, or, if it is interrupted, not at all. */
  write(tables: KinesisTables): Promise<void>;
}

/** The place that is meant. */
export function placeOf(place: KinesisDirectoryPlace | KinesisStorePlace, options: PlaceOptions): Place {
  return "directory" in place ? directoryPlace(place.directory, options) : storePlace(place, options);
}

function directoryPlace(path: string, { mode, maxStateBytes, clock, random, port = nodeFsPort }: PlaceOptions): Place {
  const entries = (): Promise<readonly string[]> => namesIn(path, port);
  return {
    name: path,
    isEmpty: async () => (await entries()).every((name) => name === LOCK_NAME),
    async read() {
      // A backend would make what is not there.
      if ((await entries()).length === 0) return undefined;
      await using storage = await fsBackend({ root: path, port, clock, random });
      const { state } = await loadKinesisState({ storage, mode, maxStateBytes });
      return state && tablesOf(state);
    },
    async write(tables) {
      await using directory = await openKinesisDirectory(path, { clock, random, port, snapshotIntervalSeconds: 0 });
      await directory.append(contentsOf(tables));
      await directory.snapshot();
    },
  };
}

function storePlace({ storage, prefix }: KinesisStorePlace, { clock, random }: PlaceOptions): Place {
  const ports = { storage, prefix, clock, random };
  return {
    name: prefix,
    isEmpty: () => hasNothing(storage, prefix),
    async read() {
      // Nothing is begun where there is nothing.
      if (await hasNothing(storage, prefix)) return undefined;
      await using store = await openKinesisStore({ ...ports, snapshot: { everyBytes: Infinity } });
      return store.seq === 0 && store.health.lastSnapshot === undefined ? undefined : store.state;
    },
    // A store opens from a snapshot as well without a log. So it is one object, which is there or not.
    async write(tables) {
      await snapshotStore(ports).write(0, { open: () => encoded(tables) }, { version: kinesisDefinition.version });
    },
  };
}

/** Names in a directory; none if it is not there. */
async function namesIn(path: string, port: FsPort): Promise<readonly string[]> {
  try {
    return (await port.readdir(resolve(path))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw new KinesisError("KINESIS_INVALID_ARGUMENT", `${path} cannot be read as a directory`, { operation: "migrate", key: path, cause: error });
  }
}

/** What an open directory leaves; it holds nothing. */
const LOCK_NAME = ".lock";

async function hasNothing(storage: StorageBackend, prefix: string): Promise<boolean> {
  const entries = storage.list(storagePrefix(prefix))[Symbol.asyncIterator]();
  const first = await entries.next();
  await entries.return?.();
  return first.done === true;
}

// eslint-disable-next-line @typescript-eslint/require-await -- The content is asynchronous; a codec has nothing to wait for.
async function* encoded(tables: KinesisTables): AsyncGenerator<Uint8Array, void, undefined> {
  yield* kinesisTablesCodec.encode(tables);
}
