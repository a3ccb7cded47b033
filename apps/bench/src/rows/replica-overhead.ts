import { openReplicator, replicaClient, type Replicator } from "@holdfast/replica";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import { measuredRecords } from "../records.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median, percentile } from "../statistics.js";

const ID = "replica-overhead";
const WORK = "replica, commits beside a replicator, p50";
const WITH = "with a replicator";
const WITHOUT = "without";
const LIMIT = 1.1;
const ROUND_MS = 3000;

/** What a replicator in the same process costs the commits of its log. Both lie on the same disk, which is the dearest case. */
export const replicaOverheadFamily: RowFamily = {
  id: ID,
  work: WORK,
  // It ships once a second: short rounds would tell of something else.
  sizes: ["full"],
  steps: (runs) => 2 * (runs + 1),
  async run(context) {
    const root = await context.scratch.directory(ID);
    const storage = await fsBackend({ root });
    const log = await openLog({ storage, prefix: "source" });
    const target = replicaClient({ storage, prefix: "replica", layout: "native" });
    const replicator = (): Promise<Replicator> => openReplicator({ source: log, target });
    let beside: Replicator | undefined;
    let puts = 0;
    const cpu = { with: emptyCpu(), without: emptyCpu() };
    const figures = await inRounds(
      [
        {
          name: WITH,
          async run() {
            const before = beside?.status().puts ?? 0;
            const p50 = await commitMicros(log, context, cpu.with);
            puts += (beside?.status().puts ?? 0) - before;
            return p50;
          },
        },
        { name: WITHOUT, run: () => commitMicros(log, context, cpu.without) },
      ],
      {
        rounds: context.runs,
        outOfTime: () => context.outOfTime(),
        onRun: async (round, name) => {
          context.progress.step(`${WORK}: ${name}, round ${round}`);
          await beside?.close();
          beside = undefined;
          if (name === WITH) {
            beside = await replicator();
            // What was committed without it is not to be shipped while others are measured.
            await beside.sync();
          }
          collectGarbage();
        },
      },
    );
    await beside?.close();
    await log.close();
    await storage.close();
    await context.scratch.discard(root);
    if (puts === 0) throw new Error("Nothing was replicated while commits were measured.");
    return [rowOf(figures.get(WITH) ?? [], figures.get(WITHOUT) ?? [], `${puts} segments were shipped meanwhile; ${cpuText(cpu)}`)];
  },
};

/** What commits took of the process's time on all threads: a figure that others on the machine change less than the clock's. */
interface CommitCpu {
  micros: number;
  commits: number;
}

function emptyCpu(): CommitCpu {
  return { micros: 0, commits: 0 };
}

function cpuText({ with: beside, without }: { readonly with: CommitCpu; readonly without: CommitCpu }): string {
  const each = ({ micros, commits }: CommitCpu): string => (micros / commits).toFixed(1);
  return `CPU of the process for a commit, all threads: ${each(beside)} µs with it, ${each(without)} µs without`;
}

/** The median of single commits, one after the other for so long. */
async function commitMicros(log: Log, context: BenchContext, cpu: CommitCpu): Promise<number> {
  const records = measuredRecords(context.seed);
  const micros: number[] = [];
  const before = process.cpuUsage();
  const endMs = performance.now() + ROUND_MS;
  for (let startedAt = performance.now(); startedAt < endMs; startedAt = performance.now()) {
    await log.append(records[micros.length % records.length] ?? new Uint8Array());
    micros.push((performance.now() - startedAt) * 1000);
  }
  const { user, system } = process.cpuUsage(before);
  cpu.micros += user + system;
  cpu.commits += micros.length;
  return percentile(micros, 0.5);
}

function rowOf(ours: readonly number[], theirs: readonly number[], meanwhile: string): RowResult {
  const ratio = ratios(ours, theirs);
  return {
    id: ID,
    work: WORK,
    ours: { value: median(ours), unit: "µs" },
    against: { name: WITHOUT, figure: { value: median(theirs), unit: "µs" } },
    ratio: { ...ratio, better: "less" },
    target: { text: `≤ ${LIMIT} ×`, met: ratio.median <= LIMIT },
    note: `source and replica on the same disk, in one process; ${meanwhile}`,
    rounds: { ours, theirs },
  };
}
