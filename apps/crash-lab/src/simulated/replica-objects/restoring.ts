import { isHoldfastError } from "@holdfast/storage";
import { Violation } from "../violation.js";
import { expectedError } from "./replication-errors.js";
import type { Branch, RestoredState, Wanted } from "./replication-ledger.js";
import type { Replication } from "./replication.js";
import type { WorldProcess } from "./replication-world.js";
import { commitsOf } from "./source-kinds.js";

/** What is to be restored, and how. */
export interface RestoreSettings extends Wanted {
  /** Default: the newest. */
  readonly generation?: string | undefined;
  /** Codes that are right here. */
  readonly allowed?: readonly string[] | undefined;
  /** From when on promises count. Default: from now. */
  readonly promises?: ReturnType<Replication["ledger"]["promises"]> | undefined;
}

/** What was restored, and where it is now. */
export interface RestoredPlace extends RestoredState {
  readonly prefix: string;
  readonly branch: Branch;
}

/** Restores to a fresh place, and compares it with what was promised until then. `undefined`: it failed, for a reason that may be. */
export async function restore(replication: Replication, process: WorldProcess, settings: RestoreSettings = {}): Promise<RestoredPlace | undefined> {
  const { ledger, world, conditions } = replication;
  const { generation, seq, timeMs, allowed = [] } = settings;
  replication.believeAll();
  const promises = settings.promises ?? ledger.promises();
  const isOne = ledger.generations.length <= 1;
  const beganMs = world.clock.monotonic();
  const prefix = replication.newPlace("restored");
  const unfinished = { prefix, leastSeq: generation === undefined ? 0 : (seq ?? (timeMs === undefined ? ledger.promisedSeq(generation) : 0)) };
  replication.unfinished.push(unfinished);
  try {
    const place = await replication.place(process, prefix);
    const from = await replication.client(process);
    const { clock, random } = process;
    const snapshots = conditions.kind.snapshots(place);
    const restored = await world.modules.replica.restore({ from, to: place.storage, prefix: conditions.kind.logPrefix(prefix), snapshots, generation, seq, timeMs, clock, random });
    replication.unfinished.splice(replication.unfinished.indexOf(unfinished), 1);
    const shown = await lookAt(replication, process, prefix);
    if (shown === undefined) return undefined;
    // A log without records does not know yet with which number it begins.
    const found = shown.values.length === 0 ? { ...shown, firstSeq: restored.firstSeq } : shown;
    const lastSeq = found.firstSeq + found.values.length - 1;
    if (restored.seq !== lastSeq) throw new Violation("I15", `record ${restored.seq} is said to be the last that was restored, and there it is ${lastSeq}`);
    const state = { generation: restored.generation, ...found };
    replication.compared += 1;
    const branch = ledger.restored(state, settings, promises);
    ledger.sawCommits(branch, seq === undefined ? state.commits : state.commits.slice(0, -1));
    return { ...state, prefix, branch };
  } catch (error) {
    const tookMs = world.clock.monotonic() - beganMs;
    expectedError(error, `a restore after ${tookMs} ms`, world, [...allowed, ...allowedCodes(replication, settings, { promises, isOne, tookMs })]);
    return undefined;
  }
}

/** What is there after a restore, as whoever opens it sees it. */
async function lookAt(replication: Replication, process: WorldProcess, prefix: string): Promise<Omit<RestoredState, "generation"> | undefined> {
  const { conditions, world } = replication;
  try {
    const place = await replication.place(process, prefix);
    const reader = await conditions.kind.openReader(place);
    const commits = await commitsOf(reader);
    await reader.close();
    const source = await conditions.kind.open(place);
    const found = await source.look();
    await source.close();
    return { ...found, commits };
  } catch (error) {
    expectedError(error, "opening what was restored", world);
    return undefined;
  }
}

/** A part of a log is opened by nobody; what can be opened is complete. */
export async function lookAtUnfinished(replication: Replication, process: WorldProcess, { prefix, leastSeq }: Replication["unfinished"][number]): Promise<void> {
  const { conditions } = replication;
  try {
    const source = await conditions.kind.open(await replication.place(process, prefix));
    const { firstSeq, values } = await source.look();
    await source.close();
    if (values.length === 0) return;
    if (firstSeq + values.length - 1 < leastSeq) throw new Violation("I20", `an interrupted restore can be opened: it ends with record ${firstSeq + values.length - 1}, and ${leastSeq} were to be restored`);
  } catch (error) {
    if (isHoldfastError(error) && error.code === "WAL_NOT_A_LOG") return;
    expectedError(error, "opening what a restore has left", replication.world);
  }
}

/** Why a restore may fail though nothing disturbs. */
function allowedCodes(
  { ledger, conditions }: Replication,
  { generation, seq, timeMs }: RestoreSettings,
  { promises, isOne, tookMs }: { readonly promises: ReadonlyMap<string, { readonly seq: number }>; readonly isOne: boolean; readonly tookMs: number },
): readonly string[] {
  const codes: string[] = [];
  const isNewest = generation === undefined && seq === undefined && timeMs === undefined;
  if (promises.size === 0) codes.push("REPLICA_NO_GENERATION");
  if (seq !== undefined && (generation === undefined || seq > (promises.get(generation)?.seq ?? 0))) codes.push("REPLICA_GAP");
  // What is wanted may be older than what the generation begins with, or was removed.
  if (!isNewest) codes.push("REPLICA_NO_SNAPSHOT");
  const { retention } = conditions;
  if (retention === undefined) return codes;
  if (generation !== undefined || ledger.generations.length > 1) codes.push("REPLICA_NO_GENERATION");
  if (!isNewest || !isOne || tookMs >= retention.graceMs) codes.push("REPLICA_OBJECT_GONE");
  return codes;
}
