import { checkpointStore } from "@holdfast/checkpoint";
import { fsBackend } from "@holdfast/storage-fs";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios, type Contestant } from "../pairs.js";
import { sqliteRowSaver, writeFileAtomicSaver, type Saver } from "../peers/file-savers.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { checkpointState } from "./checkpoint-state.js";

const SIZES = [
  { name: "1 KiB", bytes: 2 ** 10, saves: 50 },
  { name: "1 MiB", bytes: 2 ** 20, saves: 20 },
  { name: "64 MiB", bytes: 2 ** 26, saves: 2 },
] as const;
const WORK = "checkpoint, durable save";
const OURS = "checkpoint";
const ATOMIC = "write-file-atomic";
const SQLITE = "better-sqlite3, FULL";

/** What a durable save takes, beside what replaces one file or one row. */
export const checkpointSaveFamily: RowFamily = {
  id: "checkpoint-save",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => SIZES.length * 3 * (runs + 1),
  async run(context) {
    const rows: RowResult[] = [];
    for (const size of SIZES) rows.push(...(await measure(context, size)));
    return rows;
  },
};

async function measure(context: BenchContext, { name, bytes, saves }: (typeof SIZES)[number]): Promise<readonly RowResult[]> {
  const work = `${WORK} of ${name}`;
  const root = await context.scratch.directory("checkpoint-save");
  const storage = await fsBackend({ root });
  const store = checkpointStore({ storage, prefix: "checkpoints" });
  const { operators, ...state } = checkpointState("s", 0, bytes);
  const payload = operators.get("sums") ?? new Uint8Array();
  let sequence = 0;
  await store.open("s");
  const ours: Contestant = {
    name: OURS,
    run: () =>
      perSave(saves, () => {
        sequence += 1;
        return store.save({ ...state, operators, id: { streamId: "s", sequence: BigInt(sequence) } });
      }),
  };
  const sqlite = await sqliteRowSaver(root);
  const savers: readonly (readonly [string, Saver])[] = [[ATOMIC, writeFileAtomicSaver(root)], ...(typeof sqlite === "string" ? [] : [[SQLITE, sqlite] as const])];
  const theirs = savers.map(([peer, saver]): Contestant => ({ name: peer, run: () => perSave(saves, () => saver.save(payload)) }));
  const figures = await inRounds([ours, ...theirs], {
    rounds: context.runs,
    outOfTime: () => context.outOfTime(),
    onRun: async (round, contestant) => {
      context.progress.step(`${work}: ${contestant}, round ${round}`);
      // What is removed behind the saves is not to be paid for by who comes next.
      await store.count("s");
      collectGarbage();
    },
  });
  for (const [, saver] of savers) saver.close();
  await store.close();
  await storage.close();
  await context.scratch.discard(root);
  const rows = savers.map(([peer]): RowResult => rowOf(work, peer, figures.get(OURS) ?? [], figures.get(peer) ?? []));
  return typeof sqlite === "string" ? [...rows, { id: "checkpoint-save", work: `${work}, against ${SQLITE}`, missing: sqlite, failed: false }] : rows;
}

function rowOf(work: string, peer: string, ours: readonly number[], theirs: readonly number[]): RowResult {
  return {
    id: "checkpoint-save",
    work,
    ours: { value: median(ours), unit: "ms" },
    against: { name: peer, figure: { value: median(theirs), unit: "ms" } },
    ratio: { ...ratios(ours, theirs), better: "less" },
    ...(peer === ATOMIC ? { note: "it does not sync the directory: after a power cut the file before may be there" } : {}),
    rounds: { ours, theirs },
  };
}

/** Milliseconds of one save, on average over a few in a row. */
async function perSave(saves: number, save: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (let left = saves; left > 0; left -= 1) await save();
  return (performance.now() - startedAt) / saves;
}
