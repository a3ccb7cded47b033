import { hasCode, isHoldfastError, joinKey, joinPrefix, storagePrefix, systemClock } from "@holdfast/storage";
import type { CallOptions, StorageBackend, StorageEntry, StorageKey, StoragePrefix } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { Announcements } from "./announcements.js";
import { compareContents, openContent, type ContentComparison, type ReplicaContent } from "./content.js";
import { invalidArgument, ReplicaError } from "./errors.js";
import { requireGeneration } from "./generation-name.js";
import { generationRegister, type GenerationRegister } from "./generation-register.js";
import type { SnapshotInfo, WalSegmentInfo } from "./infos.js";
import { replicaLayout, SNAPSHOTS_DIRECTORY, WAL_DIRECTORY, type ReplicaLayout, type ReplicaLayoutName } from "./layouts.js";
import { comparePos, formatPos, type Pos } from "./pos.js";
import { listGenerations } from "./generations.js";
import { objectCodec, type ObjectCodec, type ReplicaObject } from "./object-codec.js";
import { sortedByOffset } from "./wal-order.js";
import { WalSegmentIterator } from "./wal-segment-iterator.js";

/** Options of {@link replicaClient}. */
export interface ReplicaClientOptions {
  /** Where the replica lives. Not closed by the client. */
  readonly storage: StorageBackend;
  /** The replica's own directory, for example `"backup/orders"`; `""` is the root. Its generations lie in `generations/` below it. */
  readonly prefix: string;
  /** `detectLayout` finds that of a replica that is there. */
  readonly layout: ReplicaLayoutName;
  /**
   * `"strict"` (default): every object has to be whole and undamaged. `"lenient"`, for layouts of litestream: what its reader takes
   * is taken, damage that it does not see included.
   */
  readonly reading?: "strict" | "lenient" | undefined;
  readonly clock?: Clock | undefined;
}

/** Options of reading an object. */
export interface ReplicaReadOptions extends CallOptions {
  /** Bytes of content that are accepted, else REPLICA_TOO_LARGE. Default: any number. */
  readonly maxBytes?: number | undefined;
}

/** Options of listing WAL. */
export interface WalListOptions extends CallOptions {
  /** Only of this index and higher ones. */
  readonly fromIndex?: bigint | undefined;
}

/** Options of {@link ReplicaClient.follow}. */
export interface FollowOptions extends WalListOptions {
  /** Milliseconds between looks for what others have written: 1 to 86,400,000. Default: only what this client writes. */
  readonly pollMs?: number | undefined;
}

/** What became of a write. */
export interface Written {
  /**
   * - `created`: the object was made.
   * - `found`: one with the same content was there.
   * - `adopted`: one was there whose content is how ours begins. The rest is not written; it belongs behind it.
   */
  readonly outcome: "created" | "found" | "adopted";
  /** Bytes of content of the object that is there now. */
  readonly rawSize: number;
}

/**
 * The objects of a replica: generations of snapshots and WAL segments. Content goes in and comes out as it is; the client packs it.
 * Every call may reject with what the storage says, and with `signal.reason`; names that are no generation's with REPLICA_INVALID_ARGUMENT.
 */
export interface ReplicaClient {
  readonly layout: ReplicaLayoutName;
  /** In which order generations were begun. `undefined`: the layouts of litestream have none. */
  readonly register: GenerationRegister | undefined;
  /** Names of the generations that have objects, ascending. Costs one list of each. */
  generations(options?: CallOptions): Promise<readonly string[]>;
  /** Removes all objects of a generation, its snapshots first; its entry in the register stays. None is success. */
  deleteGeneration(generation: string, options?: CallOptions): Promise<void>;

  /** Snapshots of a generation, by ascending index. None if there is no such generation. */
  snapshots(generation: string, options?: CallOptions): AsyncIterable<SnapshotInfo>;
  /**
   * Writes a snapshot, durable once resolved, unless there is one of this index: that it has the same content is success.
   *
   * @throws REPLICA_CONFLICT: the one that is there has other content. REPLICA_CORRUPT: it is damaged. What the content throws.
   */
  writeSnapshot(generation: string, index: bigint, content: ReplicaContent, options?: CallOptions): Promise<SnapshotInfo & Written>;
  /** The content of a snapshot, in pieces, once. It is whole only when the loop ends without an error. @throws REPLICA_NOT_FOUND; in the loop REPLICA_CORRUPT. */
  snapshotReader(generation: string, index: bigint, options?: ReplicaReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /** Removes a snapshot. None is success. */
  deleteSnapshot(generation: string, index: bigint, options?: CallOptions): Promise<void>;

  /** WAL segments of a generation, by ascending index and offset. None if there is no such generation. */
  walSegments(generation: string, options?: WalListOptions): AsyncIterable<WalSegmentInfo>;
  /**
   * As {@link walSegments}, as an iterator that takes announcements of new ones. It lists the generation when it is made, and each index
   * again when its turn comes.
   */
  walSegmentIterator(generation: string, options?: CallOptions): Promise<WalSegmentIterator>;
  /**
   * As {@link walSegments}, and then those to come, each once and in order, until the signal aborts. It looks again when this client has
   * written a segment of the generation, and every `pollMs`. Writing is then to be in order: what is written before a place that
   * was passed is not given.
   */
  follow(generation: string, options?: FollowOptions): AsyncIterable<WalSegmentInfo>;
  /**
   * Writes a WAL segment, durable once resolved, unless there is one at this position: that it has the same content is success, and so is
   * that ours begins with it. `rawSize` then says how much of ours is there.
   *
   * @throws REPLICA_CONFLICT: the one that is there has other content, or more. REPLICA_CORRUPT: it is damaged. What the content throws.
   */
  writeWalSegment(pos: Pos, content: ReplicaContent, options?: CallOptions): Promise<WalSegmentInfo & Written>;
  /** As {@link snapshotReader}, of the WAL segment that begins at a position. */
  walSegmentReader(pos: Pos, options?: ReplicaReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /** Removes WAL segments. An absent one is success. */
  deleteWalSegments(positions: readonly Pos[], options?: CallOptions): Promise<void>;
}

/**
 * A client of the replica below `prefix` in any storage. Nothing is opened, and nothing has to be closed.
 *
 * @throws STORAGE_INVALID_KEY. REPLICA_INVALID_ARGUMENT.
 */
export function replicaClient(options: ReplicaClientOptions): ReplicaClient {
  return new StorageReplicaClient(options);
}

class StorageReplicaClient implements ReplicaClient {
  readonly layout: ReplicaLayoutName;
  readonly register: GenerationRegister | undefined;
  readonly #storage: StorageBackend;
  readonly #root: StoragePrefix;
  readonly #names: ReplicaLayout;
  readonly #codec: ObjectCodec;
  readonly #clock: Clock;
  readonly #announcements = new Announcements();

  constructor({ storage, prefix, layout, reading = "strict", clock = systemClock }: ReplicaClientOptions) {
    if (layout === "native" && reading === "lenient") throw invalidArgument("replicaClient", "the native layout is read strictly");
    this.layout = layout;
    this.register = layout === "native" ? generationRegister(storage, storagePrefix(prefix)) : undefined;
    this.#clock = clock;
    this.#storage = storage;
    this.#root = joinPrefix(storagePrefix(prefix), "generations/");
    this.#names = replicaLayout(layout);
    this.#codec = objectCodec(layout, reading === "lenient");
  }

  generations(options?: CallOptions): Promise<readonly string[]> {
    return listGenerations(this.#storage, this.#root, options);
  }

  async deleteGeneration(generation: string, options: CallOptions = {}): Promise<void> {
    // By name, and so the snapshots first: without them nobody takes what is left of an interrupted removal for a generation.
    const keys: StorageKey[] = [];
    for await (const { key } of this.#storage.list(this.#directory("deleteGeneration", generation), options)) {
      keys.push(key);
      if (keys.length === REMOVED_AT_ONCE) await this.#storage.remove(keys.splice(0), options);
    }
    if (keys.length > 0) await this.#storage.remove(keys, options);
  }

  async *snapshots(generation: string, options: CallOptions = {}): AsyncGenerator<SnapshotInfo, void, undefined> {
    const directory = this.#directory("snapshots", generation);
    for await (const { key, size, modifiedAt } of this.#storage.list(joinPrefix(directory, SNAPSHOTS_DIRECTORY), options)) {
      const index = this.#names.parseSnapshotName(key.slice(directory.length));
      if (index !== undefined) yield { generation, index, size, createdAtMs: modifiedAt };
    }
  }

  async writeSnapshot(generation: string, index: bigint, content: ReplicaContent, options?: CallOptions): Promise<SnapshotInfo & Written> {
    const { size, modifiedAt, ...written } = await this.#write("writeSnapshot", this.#snapshot("writeSnapshot", generation, index), content, options);
    return { generation, index, size, createdAtMs: modifiedAt, ...written };
  }

  async snapshotReader(generation: string, index: bigint, options?: ReplicaReadOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#read("snapshotReader", this.#snapshot("snapshotReader", generation, index), options);
  }

  async deleteSnapshot(generation: string, index: bigint, options?: CallOptions): Promise<void> {
    await this.#storage.remove([this.#snapshot("deleteSnapshot", generation, index).key], options);
  }

  async *walSegments(generation: string, { fromIndex = 0n, signal }: WalListOptions = {}): AsyncGenerator<WalSegmentInfo, void, undefined> {
    const directory = this.#directory("walSegments", generation);
    const after = fromIndex > 0n ? joinKey(directory, this.#names.formatBehindWal(fromIndex - 1n)) : undefined;
    const infos = async function* (names: ReplicaLayout, entries: AsyncIterable<StorageEntry>): AsyncGenerator<WalSegmentInfo, void, undefined> {
      for await (const { key, size, modifiedAt } of entries) {
        const place = names.parseWalSegmentName(key.slice(directory.length));
        if (place !== undefined) yield { generation, ...place, size, createdAtMs: modifiedAt };
      }
    };
    const byName = infos(this.#names, this.#storage.list(joinPrefix(directory, WAL_DIRECTORY), { after, signal }));
    yield* this.layout === "litestream-v0.3" ? sortedByOffset(byName) : byName;
  }

  async walSegmentIterator(generation: string, options?: CallOptions): Promise<WalSegmentIterator> {
    const indexes = new Set<bigint>();
    for await (const { index } of this.walSegments(generation, options)) indexes.add(index);
    const readIndex = async (index: bigint): Promise<readonly WalSegmentInfo[]> => {
      const found: WalSegmentInfo[] = [];
      for await (const segment of this.walSegments(generation, { ...options, fromIndex: index })) {
        if (segment.index > index) break;
        found.push(segment);
      }
      return found;
    };
    return new WalSegmentIterator({ generation, indexes: [...indexes], readIndex });
  }

  async *follow(generation: string, { fromIndex = 0n, pollMs, signal }: FollowOptions = {}): AsyncGenerator<WalSegmentInfo, void, undefined> {
    if (pollMs !== undefined && !(Number.isSafeInteger(pollMs) && pollMs >= 1 && pollMs <= 86_400_000)) {
      throw invalidArgument("follow", `pollMs is ${pollMs}; it must be a whole number from 1 to 86400000`);
    }
    // It listens before it lists, so that nothing is missed between the two; and passes over what it gave, so that nothing is given twice.
    const announced = this.#announcements.listen(generation, this.#clock, pollMs, signal);
    try {
      let last: WalSegmentInfo | undefined;
      while (signal?.aborted !== true) {
        announced.forget();
        for await (const segment of this.walSegments(generation, { fromIndex: last?.index ?? fromIndex, signal })) {
          if (last !== undefined && comparePos(segment, last) <= 0) continue;
          yield segment;
          last = segment;
        }
        await announced.next();
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      announced.close();
    }
  }

  async writeWalSegment(pos: Pos, content: ReplicaContent, options?: CallOptions): Promise<WalSegmentInfo & Written> {
    const { generation, index, offset } = pos;
    const { size, modifiedAt, ...written } = await this.#write("writeWalSegment", this.#walSegment("writeWalSegment", pos), content, options);
    this.#announcements.announce(generation);
    return { generation, index, offset, size, createdAtMs: modifiedAt, ...written };
  }

  async walSegmentReader(pos: Pos, options?: ReplicaReadOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#read("walSegmentReader", this.#walSegment("walSegmentReader", pos), options);
  }

  async deleteWalSegments(positions: readonly Pos[], options?: CallOptions): Promise<void> {
    const keys = positions.map((pos) => this.#walSegment("deleteWalSegments", pos).key);
    if (keys.length > 0) await this.#storage.remove(keys, options);
  }

  async #write(operation: string, object: ReplicaObject, content: ReplicaContent, { signal }: CallOptions = {}): Promise<StorageEntry & Written> {
    for (let left = WRITE_ATTEMPTS; ; left -= 1) {
      const source = new WatchedContent(content);
      const body = { open: () => this.#codec.encode(object, source.open()) };
      try {
        const entry = await this.#storage.create(object.key, body, { signal });
        return { ...entry, outcome: "created", rawSize: source.bytes };
      } catch (error) {
        if (source.failure !== undefined) throw source.failure.error;
        if (hasCode(error, "STORAGE_ALREADY_EXISTS")) {
          const there = await this.#adopt(operation, object, content, signal);
          if (there !== undefined) return there;
        }
        // Written, perhaps: only another attempt tells, since it then meets the object.
        const mayHelp = isHoldfastError(error) && (error.outcome === "unknown" || error.code === "STORAGE_ALREADY_EXISTS");
        if (left === 1 || !mayHelp) throw error;
      }
    }
  }

  /** What to make of the object that has the place of ours. `undefined`: it is gone again. */
  async #adopt(operation: string, object: ReplicaObject, content: ReplicaContent, signal: AbortSignal | undefined): Promise<(StorageEntry & Written) | undefined> {
    const { key, kind } = object;
    const [entry, stored] = [await this.#storage.stat(key, { signal }), await this.#storage.stream(key, { signal })];
    if (entry === undefined || stored === undefined) return undefined;
    const found = await compareContents(this.#codec.decode(object, stored, undefined), openContent(content));
    const isAdopted = found.relation === "prefix" && kind === "wal-segment";
    if (found.relation !== "equal" && !isAdopted) throw conflict(operation, object, found);
    return { ...entry, outcome: isAdopted ? "adopted" : "found", rawSize: found.bytes };
  }

  async #read(operation: string, object: ReplicaObject, { signal, maxBytes }: ReplicaReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { key } = object;
    const stored = await this.#storage.stream(key, { signal });
    if (stored === undefined) {
      throw new ReplicaError("REPLICA_NOT_FOUND", `${operation}: there is no ${key}`, { operation, key, position: positionOf(object) });
    }
    return this.#codec.decode(object, stored, maxBytes);
  }

  #snapshot(operation: string, generation: string, index: bigint): ReplicaObject {
    const key = joinKey(this.#directory(operation, generation), this.#names.formatSnapshotName(index));
    return { kind: "snapshot", generation, index, offset: 0n, key };
  }

  #walSegment(operation: string, { generation, index, offset }: Pos): ReplicaObject {
    const key = joinKey(this.#directory(operation, generation), this.#names.formatWalSegmentName(index, offset));
    return { kind: "wal-segment", generation, index, offset, key };
  }

  #directory(operation: string, generation: string): StoragePrefix {
    return joinPrefix(this.#root, `${requireGeneration(operation, generation)}/`);
  }
}

/** How often a write is tried while nobody knows what became of it. */
const WRITE_ATTEMPTS = 4;

/** Keys that are held before they are removed. */
const REMOVED_AT_ONCE = 1000;

/** Some content, and what happened when it was last read. */
class WatchedContent {
  readonly #content: ReplicaContent;
  /** Bytes read. */
  bytes = 0;
  /** What the content threw. The storage tells of it in its own words. */
  failure: { readonly error: unknown } | undefined;

  constructor(content: ReplicaContent) {
    this.#content = content;
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    this.bytes = 0;
    try {
      for await (const piece of openContent(this.#content)) {
        this.bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

function conflict(operation: string, object: ReplicaObject, { relation, bytes }: ContentComparison): ReplicaError {
  const { key, kind } = object;
  const what = { equal: "", prefix: "less", extension: "more", different: "other content" }[relation];
  const message = `${operation}: ${key} is there and has ${what}, from byte ${bytes} on. Nothing was replaced${kind === "snapshot" ? "" : "; somebody else may have written to this generation"}`;
  return new ReplicaError("REPLICA_CONFLICT", message, { operation, key, position: positionOf(object), offset: bytes, outcome: "not_applied" });
}

function positionOf({ generation, index, offset }: ReplicaObject): string {
  return formatPos({ generation, index, offset });
}
