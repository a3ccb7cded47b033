import { readdir, readFile, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";

import { mildAdversary, SimDisk } from "@holdfast/storage-sim";

import { startChild, type Child } from "../child.js";
import { startFuseDisk, whyNoFuseDisk } from "../fuse-disk/fuse-disk.js";
import type { BlockEvent } from "../fuse-disk/recording.js";
import { createHistory, STORES, type StoreName } from "../history.js";
import { inTime } from "../in-time.js";
import { attachLoopDisk, whyNoLoopDisk } from "../loop-disk.js";
import { startProgress, type Progress } from "../progress.js";
import { seededRandom, type Random } from "../random.js";
import { Counts, publish, skippedResult, type RungResult, type Violation } from "../result.js";
import { ToolError } from "../run-tool.js";
import { parseClaim, type TimedClaim } from "../work/claims.js";
import { openWorkspace, type Workspace } from "../workspace.js";
import { crashImages } from "./crash-images.js";
import { explain, type Tree } from "./explain.js";
import { doStep, drawSteps, type PortStep } from "./port-steps.js";

/** Options of the rung. */
export interface BlockWritesOptions {
  /** How many recordings are made. */
  readonly runs: number;
  /** How many crashes of each recording are looked at. */
  readonly states: number;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Records block writes, builds crash states of them, and compares. Answers the exit code. */
export async function runBlockWrites(options: BlockWritesOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await recordAndCrash(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/**
 * Records what ext4 writes to its disk, and when it flushes, while programs work on it. Then power is lost at moments drawn by the seed: the
 * disk is put together from what had been flushed and a part of what had not, mounted, and looked at. Twice for each run: with the stores'
 * writers, whose acknowledged records must be there; and with drawn steps on plain files, where what ext4 shows must be something that the
 * simulated disk can show in its weakest profile after the same steps. So what the stores survive there includes what ext4 does.
 */
async function recordAndCrash(options: BlockWritesOptions, workspace: Workspace): Promise<RungResult> {
  const { runs, states, seed } = options;
  const missing = whyNoFuseDisk() ?? whyNoLoopDisk("ext4");
  if (missing !== undefined) return skippedResult("block-writes", seed, missing);
  const started = performance.now();
  const run: Run = { workspace, counts: new Counts(), violations: [], progress: startProgress(), states };
  try {
    for (let number = 0; number < runs; number++) {
      const random = seededRandom(`${seed} ${number}`);
      await crashStores(number, random.fork("stores"), run);
      await crashSteps(number, random.fork("steps"), run);
    }
  } catch (error) {
    if (!(error instanceof ToolError) || run.counts.get("recordings") > 0) throw error;
    return skippedResult("block-writes", seed, error.message); // it may not be done here, as in a container
  } finally {
    run.progress.stop();
  }
  const settings = { node: process.version, kernel: release(), "file system": `ext4, ${DISK_BYTES / 2 ** 20} MiB, ${MOUNT.join(",")}` };
  return { rung: "block-writes", seed, seconds: (performance.now() - started) / 1000, settings, counts: run.counts.values(), skipped: [], violations: run.violations };
}

const DISK_BYTES = 32 * 2 ** 20;
/** The journal is written each second, so that there is more than what is synced. */
const MOUNT = ["commit=1"] as const;
const WRITING_MS = 700;
const STEPS = 300;

interface Run {
  readonly workspace: Workspace;
  readonly counts: Counts;
  readonly violations: Violation[];
  readonly progress: Progress;
  /** Of each recording. */
  readonly states: number;
}

// ------------------------------------------------------------------------------------------------ recording

interface Recording {
  readonly before: Buffer;
  readonly events: readonly BlockEvent[];
}

/** Has something done on a new ext4, and records what reaches the disk meanwhile. */
async function recordDisk(run: Run, work: (mountPoint: string) => Promise<void>): Promise<Recording> {
  const disk = await startFuseDisk(DISK_BYTES, run.workspace);
  const loop = await attachLoopDisk(disk.file, run.workspace);
  await loop.format("ext4");
  const mountPoint = join(run.workspace.path, "recorded");
  await loop.mount(mountPoint, "ext4", MOUNT);
  const before = await disk.record();
  await work(mountPoint);
  await loop.unmount(mountPoint);
  const events = await disk.recorded();
  await loop.detach();
  disk.close();
  run.counts.add("recordings");
  run.counts.add("block writes recorded", events.filter(({ kind }) => kind === "write").length);
  run.counts.add("flushes recorded", events.filter(({ kind }) => kind === "flush").length);
  return { before, events };
}

/** Mounts a disk as power loss has left it, which replays its journal, and has somebody look. */
async function mountImage(image: Buffer, run: Run, look: (mountPoint: string) => Promise<void>): Promise<void> {
  const file = join(run.workspace.path, "crashed.img");
  await writeFile(file, image);
  const loop = await attachLoopDisk(file, run.workspace);
  const mountPoint = join(run.workspace.path, "crashed");
  await loop.mount(mountPoint, "ext4");
  await look(mountPoint);
  await loop.unmount(mountPoint);
  await loop.detach();
}

// ------------------------------------------------------------------------------------------------ stores

async function crashStores(number: number, random: Random, run: Run): Promise<void> {
  const claims = new Map<StoreName, TimedClaim[]>(STORES.map((store) => [store, []]));
  const recording = await recordDisk(run, async (mountPoint) => {
    const children = STORES.map((store) => startWriter(store, join(mountPoint, "store"), random.fork(store), claims.get(store) ?? []));
    await Promise.all(children.map((child) => child.hasSaid((line) => line.startsWith('{"is":"ready"'))));
    for (const child of children) child.tell("go");
    await new Promise((resolve) => {
      setTimeout(resolve, WRITING_MS);
    });
    for (const child of children) child.signal("SIGKILL");
    await inTime("ending the killed children", Promise.all(children.map((child) => child.ended())));
  });
  for (const { image, atMs, lost } of crashImages(recording.before, recording.events, run.states, random)) {
    run.progress.show(`block-writes: run ${number}, stores, ${run.counts.get("crash states of stores")} states, ${run.violations.length} violations`);
    await mountImage(image, run, async (mountPoint) => {
      for (const store of STORES) {
        const history = createHistory(store, "power", (claims.get(store) ?? []).filter((claim) => claim.atMs < atMs));
        for (const [name, count] of Object.entries(await history.check(join(mountPoint, "store")))) run.counts.add(name, count);
        run.violations.push(...history.violations(`run ${number}, lost ${lost}`));
      }
    });
    run.counts.add("crash states of stores");
  }
}

function startWriter(store: StoreName, root: string, random: Random, claims: TimedClaim[]): Child {
  const child = createHistory(store, "power").start("writer", { root, seed: String(random.below(2 ** 32)), inFlight: random.pick([1, 4, 16]), maxBytes: 20_000 });
  child.onLine((line) => claims.push(parseClaim(line)));
  return child;
}

// ------------------------------------------------------------------------------------------------ drawn steps

interface Times {
  readonly beginsAtMs: number;
  readonly answeredAtMs: number;
}

async function crashSteps(number: number, random: Random, run: Run): Promise<void> {
  const seed = String(random.below(2 ** 32));
  const steps = drawSteps(seed, STEPS);
  const times: Times[] = [];
  const recording = await recordDisk(run, async (root) => {
    times.push(...(await doSteps(root, seed, steps.length)));
  });
  run.counts.add("writes past the cache", steps.filter((step) => step.does === "write" && step.direct).length);
  for (const { image, atMs, lost } of crashImages(recording.before, recording.events, run.states, random)) {
    run.progress.show(`block-writes: run ${number}, steps, ${run.counts.get("crash states of plain files")} states, ${run.violations.length} violations`);
    await mountImage(image, run, async (mountPoint) => {
      const disk = await simulated(steps, times, atMs);
      const explanation = explain(disk, await treeOf(mountPoint));
      run.counts.add("effects that were pending", disk.pending.length);
      if (!explanation.isPossible) {
        run.violations.push({ kind: "not simulated", where: `run ${number}, steps ${seed}, lost ${lost}`, detail: explanation.reason });
        return;
      }
      run.counts.add("crash states of plain files");
      if (explanation.cutsZeroedEarly > 0) run.counts.add("of them with a cut that is not there and has zeroed its block");
    });
  }
}

/** Has a child do them, and answers when each began and was answered. */
async function doSteps(root: string, seed: string, count: number): Promise<readonly Times[]> {
  const begins: number[] = [];
  const answered: number[] = [];
  const work = { root, seed, firstToken: 0, inFlight: 1, maxBytes: count };
  const child = startChild(new URL("../../../dist/real/block-writes/port-script.js", import.meta.url), { args: [JSON.stringify(work)] });
  child.onLine((line) => {
    const [what, , atMs] = line.split(" ");
    (what === "begins" ? begins : answered).push(Number(atMs));
  });
  const { code } = await inTime("the drawn steps", child.ended());
  if (code !== 0 || answered.length !== count) throw new Error(`The drawn steps ended with code ${String(code)} after ${answered.length} of ${count}.`);
  return begins.map((beginsAtMs, index) => ({ beginsAtMs, answeredAtMs: answered[index] ?? Number.POSITIVE_INFINITY }));
}

/** A simulated disk on which the same was done by that moment; the step that was not answered yet is done, and nothing durable by it. */
async function simulated(steps: readonly PortStep[], times: readonly Times[], atMs: number): Promise<SimDisk> {
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary });
  const port = disk.port();
  for (const [index, step] of steps.entries()) {
    const { beginsAtMs, answeredAtMs } = times[index] ?? { beginsAtMs: atMs, answeredAtMs: atMs };
    if (beginsAtMs >= atMs) break;
    await doStep(port, "", step, answeredAtMs < atMs);
  }
  return disk;
}

async function treeOf(root: string): Promise<Tree> {
  const files = new Map<string, Uint8Array>();
  const directories = new Set<string>();
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.name === "lost+found") continue;
    if (entry.isDirectory()) directories.add(path.slice(root.length));
    else files.set(path.slice(root.length), await readFile(path));
  }
  return { files, directories };
}
