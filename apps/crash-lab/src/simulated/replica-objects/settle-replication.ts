import type { StorageBackend } from "@holdfast/storage";
import { pick } from "../draws.js";
import { Violation } from "../violation.js";
import type { Replication, RunningReplicator } from "./replication.js";
import { openReplicator, sync, waitFor, type ReplicatorSettings } from "./replicating.js";
import { lookAtUnfinished, restore, type RestoredPlace } from "./restoring.js";
import { openSource, type Writer } from "./writing.js";
import type { WorldProcess } from "./replication-world.js";

/** Nothing disturbs any more: what was promised is due. */
export async function settle(replication: Replication): Promise<void> {
  await new Settling(replication).run();
}

class Settling {
  readonly #replication: Replication;

  constructor(replication: Replication) {
    this.#replication = replication;
  }

  async run(): Promise<void> {
    const { world, conditions } = this.#replication;
    for (const side of ["source", "target"] as const) if (world.isDisk(side) && world.draw(3) === 0) world.cut(side, "power");
    const helper = world.process("s");
    for (const unfinished of [...this.#replication.unfinished]) await lookAtUnfinished(this.#replication, helper, unfinished);
    // As if the source was gone.
    await restore(this.#replication, helper);
    const zombies = this.#replication.running.filter(({ process }) => !process.isDead());
    // Who has not begun yet would take over some time.
    for (const { process } of zombies.filter(({ replicator }) => replicator.status().generation === undefined)) process.kill();
    const writer = await this.#openSource(world.process("z"));
    const last = await this.#openReplicator(world.process("l"), { batchMs: HOLDS_MS });
    await this.#takeOver(writer, last, zombies);
    await this.#restores(last);
    if (conditions.retention !== undefined && conditions.kind.name === "state") await this.#slowRestore(writer, last);
    if (world.isDisk("target") && conditions.kind.name === "state") await this.#harm(writer);
    else await this.#replace(writer, last);
  }

  /** Who was taken over, and does not know it, tells of nothing that is lost. */
  async #takeOver(writer: Writer, last: RunningReplicator, zombies: readonly RunningReplicator[]): Promise<void> {
    await sync(this.#replication, last);
    for (const zombie of zombies.filter(({ process }) => !process.isDead())) {
      await writer.append();
      await sync(this.#replication, zombie);
      await this.#restored({ generation: zombie.replicator.status().generation });
    }
    await writer.append();
    await this.#requireShipped(writer, last);
    for (const { process } of zombies) process.kill();
  }

  /** All of it, a part of it, and as it was at some time. */
  async #restores(last: RunningReplicator): Promise<void> {
    const { ledger, world } = this.#replication;
    const { generation } = last.replicator.status();
    if (generation === undefined) throw new Violation("I15", "a replicator that has shipped something has no generation");
    const whole = await this.#restored({ generation });
    if (whole === undefined) throw new Violation("I15", `nothing can be restored of generation ${generation}`);
    const promised = ledger.promisedSeq(generation);
    await this.#restored({ generation, seq: 1 + world.draw(promised) });
    for (let count = 2; count > 0; count -= 1) {
      const times = [...ledger.current.commits.values()].map(({ committedAtMs }) => committedAtMs);
      const timeMs = (times[world.draw(Math.max(1, times.length))] ?? 0) + pick(world.draw, [0, -1, 1]);
      if (timeMs > 0) await this.#restored({ generation, timeMs });
    }
  }

  /** While somebody reads, more is written, and what is needless goes: in time, and not earlier. */
  async #slowRestore(writer: Writer, last: RunningReplicator): Promise<void> {
    const { world, conditions } = this.#replication;
    const { retention } = conditions;
    if (retention === undefined) return;
    const { draw } = world;
    const process = world.process("x");
    const gate = new Gate(draw(8));
    const restoring = restore(this.#replication, gated(process, gate));
    restoring.catch(() => undefined); // It is awaited below.
    await Promise.race([gate.reached, restoring.catch(() => undefined)]);
    for (let rounds = 1 + draw(2); rounds > 0; rounds -= 1) {
      await this.#shipSnapshot(writer, last);
      await this.#pass(draw(2) === 0 ? 1500 : retention.graceMs);
    }
    await this.#requireShipped(writer, last);
    const inUse = last.replicator.status().generation;
    const client = await this.#replication.client(world.process("e"));
    await world.modules.replica.enforceRetention(client, retention, { inUse, nowMs: world.clock.now() });
    gate.open();
    await restoring;
    await this.#restored({});
  }

  /** A snapshot becomes unreadable as soon as it is there: the one before it stands in for it, also when it is needless by its age. */
  async #harm(writer: Writer): Promise<void> {
    const { world } = this.#replication;
    const last = await this.#openReplicator(world.process("l"), { batchMs: HOLDS_MS, retention: LATE_RETENTION });
    const { generation = "" } = last.replicator.status();
    const snapshots = (): readonly string[] => [...world.contents("target").keys()].filter((name) => name.includes(`${generation}/snapshots/`) && name.endsWith(".lz4")).sort();
    for (const waitMs of [1.5 * LATE_RETENTION.graceMs, 0]) {
      await this.#shipSnapshot(writer, last);
      await this.#pass(waitMs);
    }
    const found = snapshots();
    const newest = found.at(-1);
    if (newest === undefined || found.length < 2) return;
    world.harm("target", newest, world.draw(1000));
    // Now the one before is too old to be kept, and this one is not.
    await this.#pass(1.5 * LATE_RETENTION.graceMs);
    await writer.append();
    await this.#requireShipped(writer, last);
    if ((await this.#restored({ generation })) === undefined) throw new Violation("I15", `generation ${generation} cannot be restored, though a snapshot before the damaged one was there`);
  }

  /** First the snapshot is there, and a reader does not know yet that the record before it is durable. */
  async #shipSnapshot(writer: Writer, last: RunningReplicator): Promise<void> {
    await this.#requireShipped(writer, last);
    await writer.append();
    await writer.shorten();
    await sync(this.#replication, last);
    await this.#requireShipped(writer, last);
  }

  /** What is restored becomes the source, and begins a generation of its own; of the one before nothing changes. */
  async #replace(writer: Writer, last: RunningReplicator): Promise<void> {
    const { ledger, world } = this.#replication;
    const { generation } = last.replicator.status();
    if (generation === undefined || world.draw(3) > 0) return;
    const promised = ledger.promisedSeq(generation);
    const restored = await this.#restored({ generation, ...(world.draw(2) === 0 ? {} : { seq: Math.max(1, promised - world.draw(3)) }) });
    if (restored === undefined) return;
    await writer.close();
    writer.process.kill();
    this.#replication.believeAll();
    last.process.kill();
    await this.#pass(2000);
    ledger.replaceBy(restored.prefix, restored);
    const next = await this.#openSource(world.process("z"));
    const replicator = await this.#openReplicator(world.process("l"), {});
    await next.append();
    await this.#requireShipped(next, replicator);
    const status = replicator.replicator.status();
    if (status.generation === generation) throw new Violation("I20", `the log that was restored goes on with generation ${generation} of the one before`);
    await this.#restored({ generation: status.generation });
    const newest = await this.#restored({});
    if (newest !== undefined && newest.generation !== status.generation) throw new Violation("I15", `generation ${newest.generation} is restored as the newest, and ${status.generation ?? ""} was written to last`);
    if (this.#replication.conditions.retention === undefined) await this.#restored({ generation });
  }

  async #openSource(process: WorldProcess): Promise<Writer> {
    const writer = await openSource(this.#replication, process);
    if (writer === undefined) throw new Violation("I11", "the source cannot be opened though nothing disturbs");
    // A log that nobody has written to is not there yet.
    await writer.append();
    return writer;
  }

  async #openReplicator(process: WorldProcess, settings: ReplicatorSettings): Promise<RunningReplicator> {
    for (let left = 3; left > 0; left -= 1) {
      const running = await openReplicator(this.#replication, process, settings);
      if (running !== undefined) return running;
    }
    throw new Violation("I11", "no replicator can be opened though nothing disturbs");
  }

  /** What the source has is in the replica. */
  async #requireShipped(writer: Writer, last: RunningReplicator): Promise<void> {
    // A reader is given a record when something behind it vouches for it.
    await this.#pass(100);
    const lastSeq = writer.branch.history.lastSeq;
    if (!(await sync(this.#replication, last)) || !(await waitFor(this.#replication, last, lastSeq))) {
      throw new Violation("I11", `record ${lastSeq} cannot be shipped though nothing disturbs: ${String(last.replicator.status().lastError)}`);
    }
  }

  #restored(wanted: { readonly generation?: string | undefined; readonly seq?: number | undefined; readonly timeMs?: number | undefined }): Promise<RestoredPlace | undefined> {
    return restore(this.#replication, this.#replication.world.process("x"), wanted);
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#replication.world.clock.setTimer(resolve, ms);
    });
  }
}

/** Nothing is shipped but when somebody asks. */
const HOLDS_MS = 3_600_000;
/** By which a snapshot that is half as old again as the time of grace is needless, if there is one that is younger. Time goes by in steps of up to a minute. */
const LATE_RETENTION = { retentionMs: 600_000, keep: 1, graceMs: 600_000, everyMs: 1000 };

/** Where somebody stands still until it is opened: before a call of the replica's storage. */
class Gate {
  readonly reached: Promise<void>;
  #left: number;
  #reach: () => void = () => undefined;
  #open: () => void = () => undefined;
  readonly #opened: Promise<void>;

  constructor(calls: number) {
    this.#left = calls;
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  async pass(): Promise<void> {
    this.#left -= 1;
    if (this.#left >= 0) return;
    this.#reach();
    await this.#opened;
  }

  open(): void {
    this.#open();
  }
}

function gated(process: WorldProcess, gate: Gate): WorldProcess {
  return { ...process, storage: async (side) => (side === "target" ? behindGate(await process.storage(side), gate) : process.storage(side)) };
}

function behindGate(storage: StorageBackend, gate: Gate): StorageBackend {
  return {
    name: storage.name,
    appendable: storage.appendable,
    read: async (key, options) => {
      await gate.pass();
      return storage.read(key, options);
    },
    stream: async (key, options) => {
      await gate.pass();
      return storage.stream(key, options);
    },
    stat: (key, options) => storage.stat(key, options),
    create: (key, body, options) => storage.create(key, body, options),
    replace: (key, body, options) => storage.replace(key, body, options),
    async *list(prefix, options) {
      await gate.pass();
      yield* storage.list(prefix, options);
    },
    remove: (keys, options) => storage.remove(keys, options),
    close: () => storage.close(),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}
