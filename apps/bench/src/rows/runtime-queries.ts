import { openRuntimeDirectory, type RuntimeStore } from "@holdfast/runtime";

import { lastReport } from "../child.js";
import { inRounds, ratios } from "../pairs.js";
import type { BenchContext, Figure, RowFamily, RowResult, Size } from "../row.js";
import { loadOriginal, readOriginalEvents } from "../runtime/original-way.js";
import { makeDirectory, runtimeDirectory } from "../runtime/make-directory.js";
import { median } from "../statistics.js";

const OURS = "runtime";
const THEIRS = "the original's way";
const WORKERS = 1000;
const PAGE = 10;
/** Pages that ours reads for one of the other's: each is over in no time. */
const PAGES = 200;
const TARGET_PAGE = 500;
const TARGET_OPEN = 5;
const TARGET_MIB = 128;
const WORK = "runtime";
const WORKER = new URL("./runtime-open-worker.js", import.meta.url);
/** In the full size the larger one is measured by fewer rounds: the original's way takes it seconds for each page. */
const EVENTS: Readonly<Record<Size, readonly number[]>> = { quick: [200_000], full: [200_000, 2_000_000] };

/** What a page of events and opening cost, as the number of events grows. */
export const runtimeQueriesFamily: RowFamily = {
  id: "runtime-queries",
  work: `${WORK}, pages and opening`,
  sizes: ["quick", "full"],
  steps: (runs) => 2 * (3 + 4 * (runs + 1)),
  async run(context) {
    const rows: RowResult[] = [];
    for (const events of EVENTS[context.size]) {
      const root = await context.scratch.directory("runtime-queries");
      context.progress.step(`${WORK}: writing ${events.toLocaleString("en")} events`);
      await makeDirectory(root, { events, workers: WORKERS });
      context.progress.step(`${WORK}: taking ${events.toLocaleString("en")} events over`);
      await (await openRuntimeDirectory(root, { runtimeId: "bench" })).close();
      rows.push(await pageRow(context, root, events), await openRow(context, root, events));
      context.progress.step(`${WORK}: memory with ${events.toLocaleString("en")} events`);
      rows.push(await memoryRow(root, events));
      await context.scratch.discard(root);
    }
    return rows;
  },
};

async function pageRow(context: BenchContext, root: string, events: number): Promise<RowResult> {
  const work = `${WORK}, ${PAGE} events at the tail of ${events.toLocaleString("en")}`;
  await using store = await openRuntimeDirectory(root, { runtimeId: "bench" });
  const from = events - PAGE + 1;
  const contestants = [
    { name: OURS, run: async () => (await timed(() => readPages(store, from))) / PAGES },
    {
      name: THEIRS,
      run: () =>
        timed(async () => {
          requirePage(await readOriginalEvents(runtimeDirectory(root), from, PAGE));
        }),
    },
  ];
  return await comparison(context, work, "µs", TARGET_PAGE, contestants, 1000);
}

async function readPages(store: RuntimeStore, from: number): Promise<void> {
  for (let read = 0; read < PAGES; read += 1) requirePage((await store.readEvents({ runtimeId: "bench", nextEventId: BigInt(from) }, PAGE)).events);
}

function requirePage(events: readonly unknown[]): void {
  if (events.length !== PAGE) throw new Error(`A page of ${PAGE} events has ${events.length}.`);
}

function openRow(context: BenchContext, root: string, events: number): Promise<RowResult> {
  const work = `${WORK}, open with ${events.toLocaleString("en")} events and ${WORKERS.toLocaleString("en")} workers`;
  const contestants = [
    {
      name: OURS,
      run: async () => {
        let store: RuntimeStore | undefined;
        const milliseconds = await timed(async () => {
          store = await openRuntimeDirectory(root, { runtimeId: "bench" });
        });
        await store?.close();
        return milliseconds;
      },
    },
    { name: THEIRS, run: () => timed(() => loadOriginal(runtimeDirectory(root))) },
  ];
  return comparison(context, work, "ms", TARGET_OPEN, contestants, 1);
}

async function memoryRow(root: string, events: number): Promise<RowResult> {
  const mib = Number(await lastReport(WORKER, [root]));
  return {
    id: "runtime-queries",
    work: `${WORK}, memory open with ${events.toLocaleString("en")} events`,
    ours: { value: mib, unit: "MiB" },
    target: { text: `≤ ${TARGET_MIB} MiB`, met: mib <= TARGET_MIB },
    note: "resident above the start, at its highest",
  };
}

async function comparison(
  context: BenchContext,
  work: string,
  unit: Figure["unit"],
  target: number,
  contestants: readonly { readonly name: string; run(): Promise<number> }[],
  scale: number,
): Promise<RowResult> {
  const figures = await inRounds(contestants, {
    rounds: context.runs,
    outOfTime: () => context.outOfTime(),
    onRun: (round, name) => {
      context.progress.step(`${work}: ${name}, ${round === 0 ? "warm-up" : `round ${round}`}`);
    },
  });
  const [ours, theirs] = [figures.get(OURS) ?? [], figures.get(THEIRS) ?? []];
  const ratio = ratios(ours, theirs);
  return {
    id: "runtime-queries",
    work,
    ours: { value: median(ours) * scale, unit },
    against: { name: THEIRS, figure: { value: median(theirs) * scale, unit } },
    ratio: { ...ratio, better: "less" },
    target: { text: `≤ 1/${target} of the time`, met: ratio.median <= 1 / target },
    rounds: { ours, theirs },
  };
}

/** Milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
