import type { ReplicatorRetention } from "@holdfast/replica";
import type { LogReader } from "@holdfast/wal";
import { Violation } from "../violation.js";
import { expectedError } from "./replication-errors.js";
import type { Replication, RunningReplicator } from "./replication.js";
import type { WorldProcess } from "./replication-world.js";
import type { OpenSource } from "./source-kinds.js";

/** What somebody waited for did not come, though nothing has failed. */
class GaveUp extends Error {
  override readonly name = "GaveUp";
}

/** Of one replicator. */
export interface ReplicatorSettings {
  /** Where it runs beside the writer: the writer's log. Default: it reads the log by itself. */
  readonly source?: OpenSource | undefined;
  /** Default: that of the schedule. */
  readonly batchMs?: number | undefined;
  /** Default: that of the schedule. */
  readonly retention?: ReplicatorRetention | undefined;
}

/** Opens a replicator of the log that is written now. `undefined`: it could not, for a reason that may be. */
export async function openReplicator(replication: Replication, process: WorldProcess, { source, batchMs, retention }: ReplicatorSettings = {}): Promise<RunningReplicator | undefined> {
  const { world, conditions, ledger } = replication;
  const branch = ledger.current;
  const opening = replication.opening(branch.place);
  let reader: LogReader | undefined;
  try {
    const place = await replication.place(process, branch.place);
    const log = source?.log ?? (reader = await conditions.kind.openReader(place));
    const target = await replication.client(process);
    const replicator = await world.modules.replica.openReplicator({
      source: log,
      target,
      snapshots: conditions.kind.snapshots(place),
      ...SMALL,
      snapshotMs: 20,
      batchMs: batchMs ?? conditions.batchMs,
      retention: retention ?? conditions.retention,
      // What is removed goes by the clock of the storage.
      clock: world.clock,
      random: world.random(),
    });
    // Where there is no log yet it takes over some time later.
    if (replicator.status().generation !== undefined) replication.opened(opening);
    const running: RunningReplicator = { replicator, process, branch, opening, get logId() { return log.logId ?? ""; } };
    replication.running.push(running);
    replication.believe(running);
    return running;
  } catch (error) {
    // Whoever looks at a generation may find that somebody else removes it.
    expectedError(error, "opening a replicator", world, [...FINAL_OF_SOURCE, ...(conditions.retention === undefined ? [] : ["REPLICA_NOT_FOUND", "REPLICA_OBJECT_GONE"])]);
    await reader?.close();
    return undefined;
  }
}

/** Everything that the source has now is to be in the replica. @returns Whether it is. */
export function sync(replication: Replication, running: RunningReplicator): Promise<boolean> {
  return inTime(replication, running, "sync", (signal) => running.replicator.sync({ signal }));
}

/** A record that was acknowledged is to be in the replica. @returns Whether it is. */
export async function waitFor(replication: Replication, running: RunningReplicator, seq: number): Promise<boolean> {
  if (seq < 1) return true;
  const isThere = await inTime(replication, running, `waitFor(${seq})`, (signal) => running.replicator.waitFor(seq, { signal }));
  const { generation } = running.replicator.status();
  if (isThere && generation !== undefined) replication.ledger.promise(generation, seq, running.branch);
  return isThere;
}

/** Closes a replicator; what it could ship before is there. */
export async function close(replication: Replication, running: RunningReplicator): Promise<void> {
  await Promise.race([running.replicator.close({ flushTimeoutMs: PATIENCE_MS }), running.process.died]);
  if (!running.process.isDead()) replication.believe(running);
}

/** Codes with which a replicator rightly ends, or is not opened. */
function finalCodes(replication: Replication, running: RunningReplicator): readonly string[] {
  return [...FINAL_OF_SOURCE, "REPLICA_CLOSED", ...(replication.ledger.hasForked ? ["REPLICA_SOURCE_CHANGED"] : []), ...(replication.mayBeFenced(running.opening) ? ["REPLICA_FENCED"] : [])];
}

async function inTime(replication: Replication, running: RunningReplicator, what: string, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  const { world } = replication;
  const giveUp = new AbortController();
  const cancel = world.clock.setTimer(() => {
    giveUp.abort(running.replicator.status().lastError ?? new GaveUp(`${what}: a replicator waits though nothing fails`));
  }, world.isCalm ? LONG_MS : PATIENCE_MS);
  try {
    const ended = await Promise.race([work(giveUp.signal), running.process.died]);
    if (ended === "died") return false;
    replication.believe(running);
    return true;
  } catch (error) {
    if (error instanceof GaveUp) {
      if (world.isCalm) throw new Violation("I11", error.message);
      return false;
    }
    expectedError(error, what, world, finalCodes(replication, running));
    return false;
  } finally {
    cancel();
  }
}

/** Small enough that a few records are several segments and indexes. */
const SMALL = { batchBytes: 1024, indexBytes: 1024, retry: { minMs: 10, maxMs: 100 } };
const PATIENCE_MS = 4000;
const LONG_MS = 600_000;
/** The log went on without whoever reads it, or in whose process it was. */
const FINAL_OF_SOURCE = ["WAL_CLOSED", "WAL_FENCED", "WAL_TRIMMED"];
