import { join } from "node:path";

import { hasCode } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import type { Child } from "../child.js";
import { createHistory, STORES, type History } from "../history.js";
import { inTime } from "../in-time.js";
import { startProgress } from "../progress.js";
import { seededRandom, type Random } from "../random.js";
import { Counts, publish, type RungResult, type Violation } from "../result.js";
import { readLogElsewhere } from "../work/check-log.js";
import { LOG_PREFIX } from "../work/child-options.js";
import { openWorkspace, type Workspace } from "../workspace.js";

/** Options of the rung. */
export interface KillOptions {
  readonly seconds: number;
  readonly cycles?: number;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Kills writers of each store until the time or the cycles are over. Answers the exit code. */
export async function runKill(options: KillOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await killAgainAndAgain(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/**
 * Children write to a log and to objects, and are killed with SIGKILL at moments drawn by the seed; some are stopped first, as a machine
 * that is suspended stops them, and meanwhile somebody else tries to open their log and reads it. After each kill everything that was
 * acknowledged is looked for. The page cache survives, so this says nothing about power.
 */
async function killAgainAndAgain(options: KillOptions, workspace: Workspace): Promise<RungResult> {
  const started = performance.now();
  const secondsNow = (): number => (performance.now() - started) / 1000;
  const random = seededRandom(options.seed);
  const counts = new Counts();
  const violations: Violation[] = [];
  const progress = startProgress();
  let histories: readonly History[] = [];
  let root = "";
  for (let cycle = 0; cycle < (options.cycles ?? Number.POSITIVE_INFINITY) && secondsNow() < options.seconds; cycle++) {
    if (cycle % CYCLES_PER_DIRECTORY === 0) {
      root = join(workspace.directory("kill"), "store");
      histories = STORES.map((store) => createHistory(store, "process"));
    }
    progress.show(`kill: cycle ${cycle}, ${secondsNow().toFixed(0)} s, ${violations.length} violations`);
    await Promise.all(histories.map((history) => runCycle(history, root, random.fork(`${cycle} ${history.store}`), counts)));
    for (const history of histories) violations.push(...history.violations(`cycle ${cycle}`));
    counts.add("cycles");
  }
  progress.stop();
  const settings = { node: process.version, directory: "on disk", "children at a time": STORES.length };
  return { rung: "kill", seed: options.seed, seconds: secondsNow(), settings, counts: counts.values(), skipped: [], violations };
}

/** After so many a new directory: so that young logs are killed as well, and checking stays short. */
const CYCLES_PER_DIRECTORY = 40;
const MAX_WRITING_MS = 120;
const MAX_OPENING_MS = 12;
const MAX_AFTER_STOP_MS = 10;

async function runCycle(history: History, root: string, random: Random, counts: Counts): Promise<void> {
  const child = history.start("writer", {
    root,
    seed: String(random.below(2 ** 32)),
    inFlight: random.pick([1, 2, 8, 32]),
    maxBytes: random.pick([2000, 60_000]),
    ...(random.oneIn(4) ? { syncEveryMs: 20 } : {}),
  });
  child.onLine((line) => {
    if (line.startsWith('{"is":"acknowledged"')) counts.add(`acknowledgements (${history.store})`);
    if (line.startsWith('{"is":"done"')) history.take({ is: "wrong", operation: "work", detail: "the child came to an end by itself" });
  });
  const isKilledOpening = random.oneIn(6);
  await child.hasSaid((line) => line.startsWith('{"is":"ready"'));
  child.tell("go");
  if (!isKilledOpening) await child.hasSaid((line) => line.startsWith('{"is":"opened"'));
  await pause(random.below(isKilledOpening ? MAX_OPENING_MS : MAX_WRITING_MS));
  if (isKilledOpening) counts.add("kills while opening");
  const read = !isKilledOpening && history.store === "log" && random.oneIn(3) ? await stopAndDisturb(child, history, root, random, counts) : [];
  child.signal("SIGKILL");
  const { signal } = await inTime("ending a killed child", child.ended());
  if (signal === "SIGKILL") counts.add("kills");
  history.delivered(read);
  for (const [name, count] of Object.entries(await history.check(root))) counts.add(name, count);
}

/** The child is stopped, and does not know it. Meanwhile its log must be refused to others, and be readable. Then it goes on a while. */
async function stopAndDisturb(child: Child, history: History, root: string, random: Random, counts: Counts): ReturnType<typeof readLogElsewhere> {
  child.signal("SIGSTOP");
  counts.add("children stopped and woken");
  await using storage = await fsBackend({ root });
  try {
    const log = await inTime("opening a log that is in use", openLog({ storage, prefix: LOG_PREFIX }));
    await log.close();
    history.take({ is: "wrong", operation: "lock", detail: "a second opener was let in while the first was stopped" });
  } catch (error) {
    if (!hasCode(error, "STORAGE_LOCKED")) throw error;
  }
  const read = await inTime("reading a log that is in use", readLogElsewhere(root));
  counts.add("records read from a stopped writer's log", read.length);
  child.signal("SIGCONT");
  await pause(random.below(MAX_AFTER_STOP_MS));
  return read;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
