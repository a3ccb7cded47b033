import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { LogSource } from "@holdfast/wal";
import { beginStream, type BegunStream } from "./begin-stream.js";
import type { SnapshotSource } from "./log-snapshots.js";
import type { ReplicaClient } from "./replica-client.js";
import { Chore } from "./replicator-chore.js";
import { closed, isFinal, retryDelayMs, sourceChanged } from "./replicator-failures.js";
import { replicatorSettings, type ReplicatorRetention, type ReplicatorSettings } from "./replicator-settings.js";
import type { ReplicatorStatus } from "./replicator-status.js";
import { Waiters, type Awaited } from "./replicator-waiters.js";
import { enforceRetention } from "./retention.js";
import { isWholeSnapshot } from "./snapshot-check.js";
import { SnapshotShipper } from "./snapshot-shipper.js";
import type { StreamWriter } from "./stream-writer.js";

/** The log that is replicated: a `LogReader`, or a `Log` of bytes. */
export type ReplicationSource = Pick<LogSource<Uint8Array>, "readBatches" | "get" | "firstSeq"> & { readonly logId: string | undefined };

/** Options of {@link openReplicator}. */
export interface ReplicatorOptions {
  /** Delivers only what no crash takes back, as readers and logs do. Not closed. */
  readonly source: ReplicationSource;
  readonly target: ReplicaClient;
  /** Snapshots of the log, as `snapshotStore` has them: the newest is shipped, too. Default: none. */
  readonly snapshots?: SnapshotSource | undefined;
  /** Milliseconds between looks for a new snapshot: 1 to 86,400,000. Default 60,000. `sync` and `close` look at once. */
  readonly snapshotMs?: number | undefined;
  /** What is kept in the replica; looked at every `everyMs`: 1,000 to 86,400,000, default 3,600,000. Default: nothing is removed. */
  readonly retention?: ReplicatorRetention | undefined;
  /** Bytes after which a segment is written without waiting: 1 KiB to 64 MiB. Default 1 MiB. */
  readonly batchBytes?: number | undefined;
  /** Milliseconds between looks at the source, and so between segments while there is less: 1 to 3,600,000. Default 1,000. */
  readonly batchMs?: number | undefined;
  /** Bytes of WAL after which a new index begins: 1 KiB to 1 GiB. Default 64 MiB. */
  readonly indexBytes?: number | undefined;
  /** After a failure it is tried again in `minMs` (100), then in twice as long, up to `maxMs` (30,000); each time somewhat less, by chance. */
  readonly retry?: { readonly minMs: number; readonly maxMs: number } | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A running replication. Made by {@link openReplicator}. */
export interface Replicator extends AsyncDisposable {
  status(): ReplicatorStatus;
  /**
   * Resolves when everything that the source shows now is in the replica. A `LogReader` of a log in files shows the newest commit only when
   * something written behind it proves it, up to `idleMarkerMs` later: {@link Replicator.waitFor} waits for a record that is to be in it.
   *
   * @throws What gave the replication up. REPLICA_CLOSED. `signal.reason`.
   */
  sync(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Resolves when the record `seq` is in the replica, durable. Does not hurry it. @throws As {@link sync}. */
  waitFor(seq: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Ships what there is, for at most `flushTimeoutMs` (10,000) milliseconds, and stops. Idempotent. */
  close(options?: { readonly flushTimeoutMs?: number | undefined }): Promise<void>;
}

/**
 * Ships a log to a replica, continuously. Takes over the newest generation of the log, or begins one when there is none, the log does not go
 * on where it ends, or its end is damaged, which `status().damage` tells of. A replicator that is opened later fences this one.
 *
 * @throws REPLICA_INVALID_ARGUMENT. What the storages say, if it cannot begin.
 */
export async function openReplicator(options: ReplicatorOptions): Promise<Replicator> {
  const settings = replicatorSettings(options);
  options.signal?.throwIfAborted();
  const replicator = new LogReplicator(settings);
  await replicator.start(options.signal);
  return replicator;
}

/** One loop: read what is new and send it, sleep. Nothing else touches the target. */
class LogReplicator implements Replicator {
  readonly #settings: ReplicatorSettings;
  readonly #stop = new AbortController();
  readonly #waiters = new Waiters();
  /** Passes through the source that were begun. */
  #passes = 0;
  #writer: StreamWriter | undefined;
  #snapshots: SnapshotShipper | undefined;
  readonly #snapshotChore: Chore;
  readonly #retentionChore: Chore;
  /** Of the log that the writer ships. */
  #logId: string | undefined;
  #uncompared: BegunStream["uncompared"];
  #damage: BegunStream["damage"];
  #oldestPendingMs: number | undefined;
  #failures = 0;
  #lastError: unknown;
  #failure: { readonly error: unknown } | undefined;
  #isClosing = false;
  #loop: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Ends the sleep. */
  #wake = (): void => undefined;
  #isWoken = false;

  constructor(settings: ReplicatorSettings) {
    const { clock, snapshotMs, retention } = settings;
    this.#settings = settings;
    this.#snapshotChore = new Chore(clock, snapshotMs);
    this.#retentionChore = new Chore(clock, retention?.everyMs ?? Infinity);
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    await this.#begin(signal);
    this.#loop = this.#run();
  }

  status(): ReplicatorStatus {
    const writer = this.#writer;
    const { clock } = this.#settings;
    return {
      generation: writer?.generation,
      pos: writer?.pos,
      seq: writer === undefined ? undefined : writer.nextSeq - 1,
      snapshotSeq: this.#snapshots?.seq,
      sourceSeq: writer === undefined ? undefined : writer.gatheredSeq - 1,
      lagBytes: writer?.hasRecords() === true ? writer.pendingBytes : 0,
      lagMs: this.#oldestPendingMs === undefined ? 0 : Math.max(0, clock.now() - this.#oldestPendingMs),
      puts: writer?.puts ?? 0,
      putBytes: writer?.putBytes ?? 0,
      failures: this.#failures,
      lastError: this.#lastError,
      damage: this.#damage,
      state: this.#state(),
    };
  }

  async sync({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#wakeUp();
    await this.#wait("sync", signal, { pass: this.#passes + 1 });
  }

  async waitFor(seq: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#requireRunning("waitFor");
    if (this.#writer === undefined || seq >= this.#writer.nextSeq) await this.#wait("waitFor", signal, { seq });
  }

  close({ flushTimeoutMs = 10_000 }: { readonly flushTimeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(flushTimeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(flushTimeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#wakeUp();
    const cancel = this.#settings.clock.setTimer(() => {
      this.#stop.abort(closed("close"));
    }, flushTimeoutMs);
    await this.#loop;
    cancel();
    this.#waiters.reject(closed("waitFor"));
  }

  async #run(): Promise<void> {
    const { batchMs } = this.#settings;
    while (!this.#isStopped()) {
      try {
        // Only what was there when a pass began is in it.
        const isLast = this.#isClosing;
        this.#passes += 1;
        await this.#pass();
        if (isLast) return;
        await this.#sleep(batchMs);
      } catch (error) {
        if (this.#isStopped()) return;
        this.#lastError = error;
        if (isFinal(error)) {
          this.#failure = { error };
          this.#waiters.reject(error);
          return;
        }
        await this.#sleepAfterFailure();
      }
    }
  }

  /** Ships what the source has that is new: a segment as soon as there is enough for one, and the rest at the end. */
  async #pass(): Promise<void> {
    const { source, batchBytes } = this.#settings;
    const { signal } = this.#stop;
    const writer = this.#writer ?? (await this.#begin(signal));
    if (writer !== undefined) {
      if (source.logId !== this.#logId) throw sourceChanged("another log is in its place");
      // Left by a failure; nothing is added to so much.
      if (writer.pendingBytes >= batchBytes) await this.#send(writer);
      for await (const { firstSeq, committedAtMs, values } of source.readBatches({ from: writer.gatheredSeq, signal })) {
        if (firstSeq !== writer.gatheredSeq) throw sourceChanged(`it goes on with record ${firstSeq} instead of ${writer.gatheredSeq}`);
        if (this.#uncompared !== undefined) await this.#compare(this.#uncompared);
        this.#oldestPendingMs ??= committedAtMs;
        writer.add({ firstSeq, committedAtMs, records: values });
        if (writer.pendingBytes < batchBytes) continue;
        await this.#send(writer);
        await this.#doChores(false);
        this.#succeeded(false);
      }
      if (!writer.hasRecords()) writer.rest();
      while (writer.hasRecords()) await this.#send(writer);
    }
    await this.#doChores(true);
    this.#succeeded(true);
  }

  async #send(writer: StreamWriter): Promise<void> {
    await writer.send({ signal: this.#stop.signal });
    if (!writer.hasRecords()) this.#oldestPendingMs = undefined;
    this.#waiters.resolve(writer.nextSeq, undefined);
  }

  /** @param isAtRest - Whether everything is shipped. */
  async #doChores(isAtRest: boolean): Promise<void> {
    const isHurried = isAtRest && (this.#isClosing || this.#waiters.areHurried);
    if (isHurried) this.#snapshotChore.hurry();
    await this.#snapshotChore.doIfDue(isAtRest, () => this.#shipSnapshot());
    await this.#retentionChore.doIfDue(isAtRest, () => this.#retain());
  }

  #succeeded(isEnd: boolean): void {
    this.#failures = 0;
    this.#lastError = undefined;
    this.#waiters.resolve(this.#writer?.nextSeq ?? 0, isEnd ? this.#passes : undefined);
  }

  async #shipSnapshot(): Promise<void> {
    // Something may be needless since it is there.
    if ((await this.#snapshots?.ship({ signal: this.#stop.signal })) === true) this.#retentionChore.hurry();
  }

  /** Never the generation that is written, nor what would have to stand in for a damaged snapshot. */
  async #retain(): Promise<void> {
    const { target, retention, clock } = this.#settings;
    if (retention === undefined || this.#writer === undefined) return;
    const { signal } = this.#stop;
    const isUsable = (snapshot: { readonly generation: string; readonly index: bigint }): Promise<boolean> => isWholeSnapshot(target, snapshot, { signal });
    await enforceRetention(target, retention, { inUse: this.#writer.generation, nowMs: clock.now(), isUsable, signal });
  }

  /** What the replica ends with is what the source has there. */
  async #compare({ seq, value }: NonNullable<BegunStream["uncompared"]>): Promise<void> {
    const record = await this.#settings.source.get(seq, { signal: this.#stop.signal });
    if (record === undefined || Buffer.compare(record.value, value) !== 0) throw sourceChanged(`record ${seq} is not the one that was replicated`);
    this.#uncompared = undefined;
  }

  /** `undefined`: there is no log yet. */
  async #begin(signal: AbortSignal | undefined): Promise<StreamWriter | undefined> {
    const { source, snapshots, target: client, random, indexBytes } = this.#settings;
    // A reader looks at the storage when it is asked for something.
    await source.get(source.firstSeq, { signal });
    const { logId } = source;
    if (logId === undefined) return undefined;
    this.#logId = logId;
    const { writer, snapshotSeq, uncompared, damage } = await beginStream({ client, source, snapshots, logId, random, indexBytes, signal });
    this.#writer = writer;
    if (snapshots !== undefined) this.#snapshots = new SnapshotShipper({ client, source, snapshots, logId }, writer, snapshotSeq);
    this.#uncompared = uncompared;
    this.#damage = damage;
    return writer;
  }

  /** Until it is time, or somebody is in a hurry. */
  async #sleep(ms: number): Promise<void> {
    if (this.#isWoken || this.#isClosing) {
      this.#isWoken = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#settings.clock.setTimer(resolve, ms);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => undefined;
    this.#isWoken = false;
  }

  /** Longer after each failure. Nobody hurries this: what has just failed is not asked without a pause. */
  async #sleepAfterFailure(): Promise<void> {
    const { retry, random, clock } = this.#settings;
    const ms = retryDelayMs(retry, this.#failures, random);
    this.#failures += 1;
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = clock.setTimer(done, ms);
      signal.addEventListener("abort", done);
    });
  }

  #wakeUp(): void {
    this.#isWoken = true;
    this.#wake();
  }

  #state(): ReplicatorStatus["state"] {
    if (this.#failure !== undefined) return "failed";
    return this.#isClosing ? "closed" : "running";
  }

  #requireRunning(operation: string): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isClosing) throw closed(operation);
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #wait(operation: string, signal: AbortSignal | undefined, awaited: Awaited): Promise<void> {
    signal?.throwIfAborted();
    this.#requireRunning(operation);
    await this.#waiters.wait(awaited, signal);
  }
}
