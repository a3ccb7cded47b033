import type { ReplicaClient } from "@holdfast/replica";
import { hasCode, type StorageBackend } from "@holdfast/storage";
import type { SimProcess } from "@holdfast/storage-sim";
import type { Log, LogReader } from "@holdfast/wal";
import type { Life } from "../life.js";
import { RunningSteps } from "../running-steps.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { expectedError } from "./replica-errors.js";
import { generationsByTime } from "./generations-by-time.js";
import { recordOf, valuesOf } from "./record-values.js";
import type { ReplicaLedger } from "./replica-ledger.js";
import { GaveUp, Killed, runningReplicator, type RunningReplicator } from "./running-replicator.js";

/** One life of the processes that write a log, replicate it, and restore from its replica. */
export class ReplicaLife {
  readonly #life: Life<ReplicaLedger>;
  readonly #steps = new RunningSteps();
  #writer: SimProcess;
  #log: Log | undefined;
  /** Nothing disturbed the log since it was opened. */
  #calm = false;
  /** The last one is the newest; those before it were taken over and do not know it, or not yet. */
  #replicators: RunningReplicator[] = [];

  constructor(life: Life<ReplicaLedger>) {
    this.#life = life;
    this.#writer = life.disk.process();
  }

  async run(): Promise<void> {
    this.#life.ledger.watch(() => {
      this.#believeStatus();
    });
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
  }

  async #step({ op, numbers }: Step): Promise<void> {
    const [first = 0] = numbers;
    this.#believeStatus();
    if (op === "h") {
      this.#life.heal();
      return;
    }
    if (op === "a") return this.#append(numbers);
    if (op === "y") return this.#sync(this.#replicators.at(-1));
    if (op === "w") return this.#wait(this.#replicators.at(-1));
    if (op === "z") return this.#sync(this.#replicators.at(-2));
    await this.#steps.join();
    if (op === "o") await this.#open();
    else if (op === "p") await this.#replicate(first > 0);
    else if (op === "q") await this.#stop();
    else if (op === "k") this.#killReplicators();
    else if (op === "r") await this.#restore(first);
    else if (op === "c") await this.#close();
    else if (op === "x") this.#harm(first);
    else if (op === "g") await this.#remove(first);
    else if (op === "e") await this.#retain(first > 0);
    else throw new RangeError(`the replica has no step ${JSON.stringify(op)}`);
    this.#believeStatus();
  }

  /** Opens the log, and looks at all of it. */
  async #open(): Promise<void> {
    if (this.#log !== undefined) return;
    const { modules, clock, ledger } = this.#life;
    const calm = this.#life.isCalm();
    try {
      const storage = await this.#storage(this.#writer, "/source");
      this.#log = await modules.wal.openLog({ storage, prefix: SOURCE, segmentBytes: SEGMENT_BYTES, ...this.#durability(), clock, random: this.#life.random() });
      this.#calm = calm;
      // Without room for copies it shows less than it has.
      if (this.#log.recovery.readOnlyUntilTrimmed) {
        this.#end();
        return;
      }
      const values = await valuesOf(this.#log);
      ledger.source.shown(this.#log.firstSeq, values, this.#life.faults === "honest");
    } catch (error) {
      this.#failed(error, "opening the log", calm);
      this.#end();
    }
  }

  async #append(sizes: readonly number[]): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    const { source } = this.#life.ledger;
    const { nextSeq } = log;
    const records = sizes.map((size) => ({ value: this.#life.ledger.newValue(), size }));
    for (const [at, { value }] of records.entries()) source.offer(nextSeq + at, { value, before: sizes.length - 1 - at });
    try {
      const { first } = await log.appendBatch(records.map(({ value, size }) => recordOf(value, size)));
      if (first !== nextSeq) throw new Violation("I7", `appended at ${first}, and ${nextSeq} was the next number`);
      // A relaxed log tells later what is durable.
      for (const [at, { value }] of records.entries()) if (nextSeq + at <= log.durableSeq) source.acknowledge(nextSeq + at, value);
    } catch (error) {
      this.#failed(error, "an append", this.#calm);
    }
  }

  /** @param isElsewhere - In a process of its own, through a reader. */
  async #replicate(isElsewhere: boolean): Promise<void> {
    const { modules, clock } = this.#life;
    const calm = this.#life.isCalm();
    const log = this.#log;
    if (log === undefined && !isElsewhere) return;
    const process = isElsewhere ? this.#life.disk.process() : this.#writer;
    let reader: LogReader | undefined;
    try {
      const target = await this.#client(process);
      if (isElsewhere) reader = await modules.wal.openLogReader({ storage: await this.#storage(process, "/source"), prefix: SOURCE, clock });
      const source = reader ?? log;
      if (source === undefined) return;
      const replicator = await modules.replica.openReplicator({ source, target, ...SMALL, clock, random: this.#life.random() });
      this.#replicators.push(runningReplicator(replicator, process, reader));
    } catch (error) {
      // Whatever is damaged in the replica, it goes on.
      this.#failed(error, "opening a replicator", calm, { isSpoiled: false });
      if (isElsewhere) process.kill();
    }
  }

  /** Everything that is durable now is to be in the replica. */
  async #sync(running: RunningReplicator | undefined): Promise<void> {
    if (running === undefined) return;
    const { replicator, reader } = running;
    const calm = this.#life.isCalm();
    const isFenced = running !== this.#replicators.at(-1);
    // A reader does not know what nobody has vouched for yet.
    const durableSeq = reader === undefined ? (this.#log?.durableSeq ?? 0) : 0;
    try {
      await this.#inTime(running, (signal) => replicator.sync({ signal }));
    } catch (error) {
      this.#failed(error, "sync", calm, { also: isFenced ? ["REPLICA_FENCED"] : [] });
      return;
    }
    const { generation, seq = 0 } = replicator.status();
    if (seq < durableSeq) throw new Violation("I15", `sync is done, and of ${durableSeq} records ${seq} are said to be in the replica`);
    if (generation !== undefined) this.#life.ledger.promise(generation, seq);
  }

  /** For the last record that was acknowledged. */
  async #wait(running: RunningReplicator | undefined): Promise<void> {
    const log = this.#log;
    if (running === undefined || log === undefined) return;
    const { replicator } = running;
    const calm = this.#life.isCalm() && this.#calm;
    const { durableSeq } = log;
    try {
      await this.#inTime(running, (signal) => replicator.waitFor(durableSeq, { signal }));
    } catch (error) {
      this.#failed(error, "waitFor", calm);
      return;
    }
    const { generation } = replicator.status();
    if (generation !== undefined) this.#life.ledger.promise(generation, durableSeq);
  }

  /** Gives up after a while, since a replicator tries again for ever. */
  async #inTime(running: RunningReplicator, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const giveUp = new AbortController();
    const cancel = this.#life.clock.setTimer(() => {
      giveUp.abort(running.replicator.status().lastError ?? new GaveUp("a replicator waits though nothing fails"));
    }, PATIENCE_MS);
    try {
      await Promise.race([work(giveUp.signal), running.died]);
    } finally {
      cancel();
    }
  }

  async #stop(): Promise<void> {
    for (const { replicator, reader, died } of this.#replicators.splice(0)) {
      await Promise.race([replicator.close({ flushTimeoutMs: PATIENCE_MS }), died]);
      this.#believe(replicator.status());
      await reader?.close();
    }
  }

  /** Those that run beside the writer end with it. */
  #killReplicators(): void {
    for (const running of this.#replicators.filter(({ reader }) => reader !== undefined)) running.kill();
    this.#replicators = this.#replicators.filter(({ reader }) => reader === undefined);
  }

  /** Looks at what interrupted restores have left, and then restores. @param seq - Up to this record; 0: all. */
  async #restore(seq: number): Promise<void> {
    const { ledger, modules, clock } = this.#life;
    for (const place of ledger.unfinished) await this.#lookAtUnfinished(place);
    const calm = this.#life.isCalm();
    const process = this.#life.disk.process();
    const generation = ledger.promisedGeneration;
    const wantedSeq = seq === 0 || generation === undefined ? undefined : 1 + (seq % (ledger.promisedSeq(generation) + 1));
    const place = ledger.newRestore(wantedSeq ?? ledger.promisedSeq(generation));
    try {
      const to = await this.#storage(process, "/restored");
      const from = await this.#client(process);
      const restored = await modules.replica.restore({ from, to, prefix: place, generation, seq: wantedSeq, clock, random: this.#life.random() });
      ledger.restoreEnded(place);
      const log = await modules.wal.openLog({ storage: to, prefix: place, clock, random: this.#life.random() });
      const values = await valuesOf(log);
      await log.close();
      if (values.length !== restored.records) throw new Violation("I15", `${restored.records} records are said to be restored, and there are ${values.length}`);
      ledger.restored({ generation: restored.generation, values, wantedSeq });
    } catch (error) {
      const isBeyond = wantedSeq !== undefined && wantedSeq > ledger.promisedSeq(generation);
      const also = [...(generation === undefined ? ["REPLICA_NO_GENERATION"] : []), ...(isBeyond ? ["REPLICA_GAP"] : [])];
      this.#failed(error, "a restore", calm, { also, isSpoiled: ledger.isSpoiled(generation) });
    } finally {
      process.kill();
    }
  }

  /** A part of a log is opened by nobody. */
  async #lookAtUnfinished(place: string): Promise<void> {
    const { ledger, modules, clock } = this.#life;
    const calm = this.#life.isCalm();
    const process = this.#life.disk.process();
    try {
      const storage = await this.#storage(process, "/restored");
      const log = await modules.wal.openLog({ storage, prefix: place, clock, random: this.#life.random() });
      const values = await valuesOf(log);
      // Without a log there is nothing: the restore has not got so far.
      if (log.logId !== undefined) ledger.foundRestored(place, values);
      await log.close();
      ledger.restoreEnded(place);
    } catch (error) {
      this.#failed(error, "opening what a restore has left", calm, { also: ["WAL_NOT_A_LOG"] });
      if (hasCode(error, "WAL_NOT_A_LOG")) ledger.restoreEnded(place);
    } finally {
      process.kill();
    }
  }

  async #close(): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    for (const running of this.#replicators.filter(({ reader }) => reader === undefined)) await Promise.race([running.replicator.close({ flushTimeoutMs: PATIENCE_MS }), running.died]);
    try {
      await log.close();
    } catch (error) {
      this.#failed(error, "close", this.#calm);
    }
    this.#end();
    await this.#open();
  }

  /** The writer ends, and what runs in its process with it. */
  #end(): void {
    this.#believeStatus();
    for (const running of this.#replicators) if (running.process === this.#writer) running.kill();
    this.#replicators = this.#replicators.filter(({ process }) => process !== this.#writer);
    this.#writer.kill();
    this.#writer = this.#life.disk.process();
    this.#log = undefined;
  }

  /** A bit of an object of the replica is harmed. */
  #harm(at: number): void {
    const { disk, ledger } = this.#life;
    const objects = [...disk.files()].filter(([path]) => path.startsWith("/target/") && path.endsWith(".lz4"));
    const [path, bytes] = objects[at % Math.max(1, objects.length)] ?? [];
    if (path === undefined || bytes === undefined || bytes.length === 0) return;
    const place = (at * 31) % bytes.length;
    disk.poke(path, place, Uint8Array.of((bytes[place] ?? 0) ^ (1 << at % 8)));
    ledger.spoil(generationOf(path) ?? "");
  }

  /** A segment of the replica that is not the newest is lost, so many before the last. */
  async #remove(at: number): Promise<void> {
    const { disk, ledger } = this.#life;
    const segments = [...disk.files().keys()].filter((path) => path.startsWith("/target/") && path.endsWith(".wal.lz4") && !path.includes("_")).sort();
    const path = segments.at(-1 - (at % Math.max(1, segments.length)));
    // What was written last is missed by nobody, and what only claims an index is nothing that was written.
    const isMissed = segments.some((it) => path !== undefined && it > path && generationOf(it) === generationOf(path) && !it.endsWith(`/${"0".repeat(20)}.wal.lz4`));
    if (path === undefined || !isMissed) return;
    ledger.spoil(generationOf(path) ?? "");
    try {
      await disk.port().unlink(path);
    } catch {
      // Then it is still there.
    }
  }

  /**
   * Removes what nobody needs, and needs no time for it.
   *
   * @param hasYoung - The newest snapshot is young: of other generations only the one in use stays. Else all are old, and so are needed.
   */
  async #retain(hasYoung: boolean): Promise<void> {
    const { modules, ledger } = this.#life;
    const calm = this.#life.isCalm();
    const process = this.#life.disk.process();
    const inUse = this.#replicators.at(-1)?.replicator.status().generation ?? ledger.promisedGeneration;
    if (inUse === undefined) return;
    try {
      const client = await this.#client(process);
      const begun = await generationsByTime(client);
      const newestMs = Math.max(0, ...begun.values());
      if (hasYoung) for (const [generation, createdAtMs] of begun) if (generation !== inUse && createdAtMs < newestMs) ledger.giveUp(generation);
      const policy = { retentionMs: 0, keep: 1, graceMs: 0 };
      await modules.replica.enforceRetention(client, policy, { inUse, nowMs: hasYoung ? newestMs : LATER_MS });
    } catch (error) {
      this.#failed(error, "retention", calm);
    } finally {
      process.kill();
    }
  }

  #durability(): { readonly durability?: { readonly syncEveryMs: number } } {
    return this.#life.options.has("relaxed") ? { durability: { syncEveryMs: SYNC_EVERY_MS } } : {};
  }

  /** What a replicator says of itself is a promise too. */
  #believeStatus(): void {
    for (const { replicator } of this.#replicators) this.#believe(replicator.status());
  }

  #believe({ generation, seq }: { readonly generation: string | undefined; readonly seq: number | undefined }): void {
    if (generation !== undefined && seq !== undefined) this.#life.ledger.promise(generation, seq);
  }

  #storage(process: SimProcess, root: string): Promise<StorageBackend> {
    const { modules, clock } = this.#life;
    return modules.storageFs.fsBackend({ root, port: process.port, clock, random: this.#life.random() });
  }

  async #client(process: SimProcess): Promise<ReplicaClient> {
    const { modules, clock, options } = this.#life;
    const layout = options.has("foreign") ? "litestream-v0.3" : "native";
    return modules.replica.replicaClient({ storage: await this.#storage(process, "/target"), prefix: "orders", layout, clock });
  }

  #failed(error: unknown, what: string, calm: boolean, { also = [], isSpoiled }: { readonly also?: readonly string[]; readonly isSpoiled?: boolean } = {}): void {
    if (error instanceof Killed || (error instanceof GaveUp && !calm)) return;
    if (error instanceof GaveUp) throw new Violation("I11", `${what}: ${error.message}`);
    const { faults, ledger } = this.#life;
    expectedError(error, what, { faults, calm, spoiled: isSpoiled ?? ledger.isSpoiled(), also });
  }
}

/** The log in its storage. */
const SOURCE = "orders";
const SEGMENT_BYTES = 16 * 1024;
/** Small enough that a few records are several segments and indexes. */
const SMALL = { batchBytes: 1024, batchMs: 10, indexBytes: 2048, retry: { minMs: 10, maxMs: 100 } };
const PATIENCE_MS = 2000;
const SYNC_EVERY_MS = 500;
/** Behind the times of all objects. */
const LATER_MS = 4_000_000_000_000;

function generationOf(path: string): string | undefined {
  return /generations\/([0-9a-f]{16})\//.exec(path)?.[1];
}
