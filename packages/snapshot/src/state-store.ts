import { hasCode, isHoldfastError, storagePrefix, systemClock, systemRandom } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { openLog, type Log } from "@holdfast/wal";
import { announceClosed, announceOpened, announceProblem } from "./diagnostics.js";
import { SnapshotError } from "./errors.js";
import { EventRecords } from "./event-records.js";
import { logPrefix } from "./layout.js";
import { loadState, replay, type LoadedState, type StateSource } from "./load-state.js";
import { checkStateOptions, type StateSettings } from "./options.js";
import { PendingStates } from "./pending-states.js";
import { checkedApply } from "./reducer.js";
import { replayContent } from "./replay-content.js";
import type { SnapshotContent } from "./snapshot-body.js";
import { snapshotStore, type SnapshotEntry } from "./snapshot-store.js";
import { Snapshotter } from "./snapshotter.js";
import { codecsOf, type StateCodec } from "./state-codec.js";
import type { CommitOptions, StateHealth, StateProblem, StateStore, StateStoreOptions } from "./state-types.js";

/**
 * Opens a state: the newest snapshot that can be read, and the events of the log behind it. Where storage can append, the log's lock is
 * taken; on object storage the log is taken over from whoever writes to it.
 *
 * @param options - See {@link StateStoreOptions}.
 * @throws SNAPSHOT_AHEAD_OF_LOG, SNAPSHOT_GAP, SNAPSHOT_OF_ANOTHER_LOG, SNAPSHOT_UNSUPPORTED_VERSION, STATE_CODEC_FAILED,
 * STATE_REPLAY_FAILED, STATE_UNSUPPORTED_VERSION, SNAPSHOT_INVALID_ARGUMENT; what `openLog` throws (WAL_FENCED also where somebody else takes the
 * state over while it is being read), or the storage. Nothing was changed.
 */
export async function openStateStore<S, E>(options: StateStoreOptions<S, E>): Promise<StateStore<S, E>> {
  const settings = checkStateOptions(options);
  const { storage, signal, clock = systemClock, random = systemRandom } = options;
  const prefix = storagePrefix(options.prefix);
  const snapshots = snapshotStore({ storage, prefix, clock, random });
  const startedAtMs = clock.monotonic();
  let lastSeq = 0;
  for await (const entry of snapshots.list({ signal })) lastSeq = entry.seq;
  // A log that is not there begins behind what is in the snapshot.
  const log = await openLog({ ...options.log, storage, prefix: logPrefix(prefix), startSeq: lastSeq + 1, clock, random, signal });
  try {
    const codecs = codecsOf(options.codec);
    const { initial, version = 1, migrate, migrateState, onProgress, development = false } = options;
    const apply = checkedApply<S, E>((state, event) => options.apply(state, event), development);
    const records = new EventRecords<E>({ codec: codecs.event, version, migrate });
    const source: StateSource<S, E> = { log, place: { storage, prefix: logPrefix(prefix) }, snapshots, initial, apply, records, codec: codecs.state, version, migrateState, onProgress, signal };
    const loaded = await loadState(source);
    const { seq, snapshot, replayedEvents } = loaded;
    announceOpened({ prefix, seq, snapshotSeq: snapshot?.seq ?? 0, replayedEvents, durationMs: clock.monotonic() - startedAtMs });
    return new DurableState(source, loaded, { prefix, settings, clock });
  } catch (error) {
    await log.close();
    throw error;
  }
}

interface StatePlace {
  readonly prefix: string;
  readonly settings: StateSettings;
  readonly clock: Clock;
}

/** A commit: applied to the newest state, then written; when that is durable, its state becomes the state. */
class DurableState<S, E> implements StateStore<S, E> {
  readonly #source: StateSource<S, E>;
  readonly #log: Log;
  readonly #place: StatePlace;
  readonly #states: PendingStates<S>;
  readonly #snapshotter: Snapshotter;
  readonly #found: Pick<StateHealth, "replayedFrom" | "replayedEvents" | "tornTail">;
  readonly #foundSkipped: LoadedState<S>["skipped"];
  #lastError: StateProblem | undefined;
  #closing: Promise<void> | undefined;

  constructor(source: StateSource<S, E>, loaded: LoadedState<S>, place: StatePlace) {
    const { snapshot, replayedEvents, replayedBytes, skipped, state, seq } = loaded;
    this.#source = source;
    this.#log = source.log;
    this.#place = place;
    this.#states = new PendingStates(state, seq);
    this.#found = { replayedFrom: snapshot?.seq ?? 0, replayedEvents, tornTail: source.log.recovery.tornTail };
    this.#foundSkipped = skipped;
    const parts = { snapshots: source.snapshots, settings: place.settings, clock: place.clock };
    this.#snapshotter = new Snapshotter({ ...parts, source: this.#snapshotSource() }, { base: snapshot, skipped, bytes: replayedBytes });
  }

  get state(): S {
    return this.#states.state;
  }

  get seq(): number {
    return this.#states.seq;
  }

  get health(): StateHealth {
    const { last, bytesSince, skipped } = this.#snapshotter;
    const seen = new Set(skipped.map(({ snapshot }) => snapshot.key));
    const snapshotsSkipped = [...skipped, ...this.#foundSkipped.filter(({ snapshot }) => !seen.has(snapshot.key))];
    return { ...this.#found, isBehind: this.#isBehind, snapshotsSkipped, lastSnapshot: last, bytesSinceSnapshot: bytesSince, lastError: this.#lastError };
  }

  async commit(event: E, options: CommitOptions = {}): Promise<number> {
    return (await this.#commit("commit", [event], options)).first;
  }

  async commitBatch(events: readonly E[], options: CommitOptions = {}): Promise<{ readonly first: number; readonly last: number }> {
    return this.#commit("commitBatch", events, options);
  }

  async update(decide: (pending: S) => E | undefined, options: CommitOptions = {}): Promise<number | undefined> {
    this.#requireOpen("update");
    const { lastSeq } = this.#states.newest;
    const event = decide(this.#states.newest.state);
    if (event === undefined) return undefined;
    if (this.#states.newest.lastSeq !== lastSeq) throw conflict("update", "decide has committed something itself");
    return (await this.#commit("update", [event], options)).first;
  }

  async snapshot(): Promise<SnapshotEntry | undefined> {
    this.#requireOpen("snapshot");
    return this.#snapshotter.take();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Everything up to the log's append happens in the turn of the call, so that the order of calls is the order of events. */
  #commit(operation: string, events: readonly E[], { signal }: CommitOptions): Promise<{ readonly first: number; readonly last: number }> {
    this.#requireOpen(operation);
    signal?.throwIfAborted();
    if (events.length === 0) throw new SnapshotError("SNAPSHOT_INVALID_ARGUMENT", "a batch has at least one event", { operation, outcome: "not_applied" });
    const { lastSeq } = this.#states.newest;
    const { state, records, bytes } = this.#applied(operation, events);
    if (this.#states.newest.lastSeq !== lastSeq) throw conflict(operation, "apply or the codec has committed something itself");
    const pending = { state, lastSeq: lastSeq + records.length };
    this.#states.add(pending);
    // The expected number: should a commit that this one is built on not be written, this one is not either.
    const appending = this.#log.appendBatch(records, { signal, expectedSeq: lastSeq + 1 });
    return appending.then(
      (range) => {
        if (!this.#states.settle(pending)) throw this.#failed("commit", conflict(operation, "the log has taken a commit out of order; close and open again"));
        this.#snapshotter.committed(bytes);
        return range;
      },
      (error: unknown) => {
        this.#states.drop(pending);
        throw hasCode(error, "WAL_CONFLICT") ? this.#conflictOf(operation, error) : this.#failed("commit", error);
      },
    );
  }

  /** The events as records, and the state behind them. What is applied is what a replay will read. */
  #applied(operation: string, events: readonly E[]): { readonly state: S; readonly records: readonly Uint8Array[]; readonly bytes: number } {
    const { apply, records: codec } = this.#source;
    let { state } = this.#states.newest;
    let seq = this.#states.newest.lastSeq;
    let bytes = 0;
    const records: Uint8Array[] = [];
    for (const event of events) {
      seq += 1;
      const record = codec.encode(event);
      const replayed = codec.decode(record, seq, operation);
      try {
        state = apply(state, replayed);
      } catch (cause) {
        const which = events.length === 1 ? "the event" : `event ${records.length} of the batch`;
        throw new SnapshotError("STATE_EVENT_REJECTED", `apply refused ${which}`, { operation, outcome: "not_applied", cause });
      }
      records.push(record);
      bytes += record.length;
    }
    return { state, records, bytes };
  }

  #snapshotSource(): ConstructorParameters<typeof Snapshotter>[0]["source"] {
    return {
      seq: () => this.#states.seq,
      logId: () => this.#log.logId,
      capture: () => ({ seq: this.#states.seq, content: this.#content() }),
      trim: (seq) => this.#trim(seq),
      failed: (error) => {
        this.#failed("snapshot", error);
      },
    };
  }

  #content(): SnapshotContent {
    const { log, snapshots, version, codec } = this.#source;
    const { replay: module } = this.#place.settings;
    if (module === undefined) return encoded(codec, this.#states.state);
    return replayContent({ log, snapshots, version, replay: module }, this.#states.seq);
  }

  async #trim(seq: number): Promise<void> {
    if (seq <= this.#log.firstSeq) return;
    await this.#log.trim(seq);
    if (!this.#isBehind) return;
    // There was no room for the last commits of the process before; the trim has made some, and they are read now.
    const { state, seq: lastSeq } = await replay(this.#source, this.#states.state, this.#states.seq);
    this.#states.reset(state, lastSeq);
  }

  /** The log could not take over its last commits for lack of room: they are neither in the state, nor can anything come behind them. */
  get #isBehind(): boolean {
    return this.#log.recovery.readOnlyUntilTrimmed && this.#states.newest.lastSeq < this.#log.nextSeq - 1;
  }

  #conflictOf(operation: string, cause: unknown): Error {
    if (!this.#isBehind) return conflict(operation, "a commit before this one was not written", cause);
    return new SnapshotError("STATE_CONFLICT", "there was no room for the log's last commits when it was opened; make room, and open it again", {
      operation,
      outcome: "not_applied",
      cause,
    });
  }

  #failed(operation: StateProblem["operation"], error: unknown): unknown {
    // What was abandoned on demand has not failed.
    if (operation === "snapshot" || isHoldfastError(error)) this.#lastError = { operation, error, atMs: this.#place.clock.now() };
    if (operation === "snapshot") announceProblem({ prefix: this.#place.prefix, operation, error });
    return error;
  }

  async #close(): Promise<void> {
    await this.#snapshotter.close();
    await this.#log.close();
    announceClosed({ prefix: this.#place.prefix, seq: this.seq });
  }

  #requireOpen(operation: string): void {
    if (this.#closing !== undefined) throw new SnapshotError("STATE_CLOSED", "the state store is closed", { operation, outcome: "not_applied" });
  }
}

function conflict(operation: string, why: string, cause?: unknown): SnapshotError {
  return new SnapshotError("STATE_CONFLICT", why, { operation, outcome: "not_applied", retryable: true, cause });
}

/** A state as the content of a snapshot. @throws STATE_CODEC_FAILED while it is read. */
function encoded<S>(codec: StateCodec<S>, state: S): SnapshotContent {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- The content is asynchronous; a codec has nothing to wait for.
    async *open() {
      try {
        yield* codec.encode(state);
      } catch (cause) {
        if (isHoldfastError(cause)) throw cause;
        throw new SnapshotError("STATE_CODEC_FAILED", `the codec "${codec.name}" refused the state`, { operation: "snapshot", outcome: "not_applied", cause });
      }
    },
  };
}
