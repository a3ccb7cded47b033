import { loadHash } from "../replica/hash-loaded.js";
import { PROFILES, type HistoryOutcome, type ReplayOutcome, type StoreHistory } from "../store-history.js";
import { playReplication, type PlayedReplication } from "./play-replication.js";

/**
 * A log, its replicators and their replica, source and target each on a disk or an object store of its own. A run is one schedule; a crash
 * state is one restore that was compared with what was promised.
 */
export const replicaObjectsHistory: StoreHistory = {
  name: "replica-objects",
  async run({ modules, profile, seed }) {
    await loadHash(modules);
    return outcomeOf(await playReplication({ modules, profile, seed }), `replica-objects ${profile} ${seed}`);
  },
  async replay(line, modules): Promise<ReplayOutcome> {
    const [, word, seed] = LINE.exec(line) ?? [];
    const profile = PROFILES.find((it) => it === word);
    if (profile === undefined) throw new RangeError(`no line of replica-objects: ${JSON.stringify(line)}`);
    await loadHash(modules);
    const played = await playReplication({ modules, profile, seed: Number(seed) });
    return { traceHash: played.replication.world.hash, violation: outcomeOf(played, line.trim()).violation };
  },
};

const LINE = /^\s*replica-objects ([a-z]+) (\d{1,13})\s*$/;

function outcomeOf({ replication: { world, compared }, violation }: PlayedReplication, line: string): HistoryOutcome {
  const states = Math.max(1, compared);
  return {
    states,
    crashes: new Map([["restore", states], ...world.cuts]),
    operations: world.operations,
    faults: world.faults,
    violation: violation && { invariant: violation.invariant, message: violation.message, line },
  };
}
