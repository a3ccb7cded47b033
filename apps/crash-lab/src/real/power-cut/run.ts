import { truncateSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";

import type { Child } from "../child.js";
import { createHistory, STORES, type History } from "../history.js";
import { inTime } from "../in-time.js";
import { attachLoopDisk, whyNoLoopDisk, type FileSystem, type LoopDisk } from "../loop-disk.js";
import { firstMissing, ioctlTool, type Skip } from "../machine.js";
import { startProgress, type Progress } from "../progress.js";
import { seededRandom, type Random } from "../random.js";
import { Counts, publish, type RungResult, type Violation } from "../result.js";
import { ToolError } from "../run-tool.js";
import { readLogElsewhere } from "../work/check-log.js";
import { openWorkspace, scratchRoot, type Workspace } from "../workspace.js";
import { openPowerSwitch, type PowerSwitch } from "./power-switch.js";

/** Options of the rung. */
export interface PowerCutOptions {
  /** Of each file system. */
  readonly cycles: number;
  /** For so long at most, on each file system. Default: as long as it takes. */
  readonly seconds?: number;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Cuts the power of a disk again and again, and tells what the stores lost. Answers the exit code: 0 without a finding, or skipped. */
export async function runPowerCut(options: PowerCutOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await cutPowerAgainAndAgain(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/** Why power cannot be cut here, or `undefined`. */
function whyNoPowerCut(fileSystem: FileSystem): string | undefined {
  return whyNoLoopDisk(fileSystem) ?? firstMissing([ioctlTool]);
}

/**
 * Children write to a log and to objects on a file system that is mounted from a file. At moments drawn by the seed the file system is shut
 * down as by a power cut, and mounted anew: its journal is replayed. Then everything that was acknowledged is looked for.
 *
 * What the file system has handed to the device counts as written: this shows what a store and a file system do when power fails, not
 * what a disk does that lies. Answers that come after the moment of the cut are not counted as promises: ext4 has been seen to answer ok to
 * an O_DSYNC write whose transaction the shutdown had just aborted, which nobody would have been told after a real power cut.
 */
async function cutPowerAgainAndAgain(options: PowerCutOptions, workspace: Workspace): Promise<RungResult> {
  const started = performance.now();
  const counts = new Counts();
  const violations: Violation[] = [];
  const skipped: Skip[] = [];
  const progress = startProgress();
  for (const fileSystem of ["ext4", "xfs"] as const) {
    const reason = whyNoPowerCut(fileSystem);
    try {
      if (reason === undefined) await cutPowerOf(fileSystem, options, { workspace, counts, violations, progress });
      else skipped.push({ what: `power-cut on ${fileSystem}`, reason });
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      // At once: it may not be done here, as in a container. Later: what was found so far is not lost with it.
      if (counts.get(`cycles on ${fileSystem}`) === 0) skipped.push({ what: `power-cut on ${fileSystem}`, reason: error.message });
      else violations.push({ kind: "rig", where: `${fileSystem} after ${counts.get(`cycles on ${fileSystem}`)} cycles`, detail: error.message });
    }
  }
  progress.stop();
  const settings = { node: process.version, kernel: release(), "mount options": MOUNTS.map((it) => it.join(",")).join(" | "), "image": `${IMAGE_BYTES / 2 ** 20} MiB` };
  return { rung: "power-cut", seed: options.seed, seconds: (performance.now() - started) / 1000, settings, counts: counts.values(), skipped, violations };
}

interface Run {
  readonly workspace: Workspace;
  readonly counts: Counts;
  readonly violations: Violation[];
  readonly progress: Progress;
}

/** After so many the file system is made anew. */
const CYCLES_PER_DISK = 50;
/** xfs takes no less. */
const IMAGE_BYTES = 320 * 2 ** 20;
const MAX_WRITING_MS = 120;
const MAX_OPENING_MS = 15;
/** How ext4 orders data and names, in turn. */
const MOUNTS = [["data=ordered"], ["data=writeback"], ["data=ordered", "nodelalloc"]] as const;

async function cutPowerOf(fileSystem: FileSystem, options: PowerCutOptions, run: Run): Promise<void> {
  const { workspace, counts, violations, progress } = run;
  const { cycles, seconds = Number.POSITIVE_INFINITY, seed } = options;
  const until = performance.now() + seconds * 1000;
  const random = seededRandom(`${seed} ${fileSystem}`);
  const image = join(workspace.directory(fileSystem), "disk.img");
  writeFileSync(image, "");
  truncateSync(image, IMAGE_BYTES);
  const disk = await attachLoopDisk(image, workspace);
  const power = openPowerSwitch(workspace);
  const rig = { disk, power, fileSystem, mountPoint: join(workspace.path, fileSystem, "mnt") };
  const root = join(rig.mountPoint, "store");
  let next = startWriters(STORES.map((store) => createHistory(store, "power")), root, random.fork("writers 0"), counts);
  let mountOptions: readonly string[] = [];
  let isLast = false;
  for (let cycle = 0; cycle < cycles && !isLast; cycle++) {
    isLast = cycle + 1 === cycles || performance.now() > until;
    if (cycle % CYCLES_PER_DISK === 0) {
      await disk.format(fileSystem);
      mountOptions = fileSystem === "ext4" ? random.pick(MOUNTS) : [];
    }
    progress.show(`power-cut on ${fileSystem}: ${cycle} of ${cycles} cycles, ${violations.length} violations`);
    const writers = next;
    const isLastOnDisk = (cycle + 1) % CYCLES_PER_DISK === 0;
    // The next writers load while what these have left is checked.
    const startNext = (): void => {
      const histories = isLastOnDisk ? STORES.map((store) => createHistory(store, "power")) : writers.map(({ history }) => history);
      if (!isLast) next = startWriters(histories, root, random.fork(`writers ${cycle + 1}`), counts);
    };
    await runCycle(writers, { ...rig, mountOptions, root }, random.fork(`${cycle}`), counts, startNext);
    counts.add(`cycles on ${fileSystem}`);
    const found = writers.flatMap(({ history }) => history.violations(`cycle ${cycle} on ${fileSystem} (${mountOptions.join(",")})`));
    // The first one is kept, to be looked at.
    if (found.length > 0 && violations.length === 0) await cp(image, join(scratchRoot, `violation-${fileSystem}-${seed}-${cycle}.img`), { force: true });
    violations.push(...found);
  }
  power.close();
  await disk.detach();
}

interface Rig {
  readonly disk: LoopDisk;
  readonly power: PowerSwitch;
  readonly mountPoint: string;
  readonly fileSystem: FileSystem;
  readonly mountOptions: readonly string[];
  readonly root: string;
}

interface Writer {
  readonly history: History;
  readonly child: Child;
  /** Whether it has been loaded and waits. */
  readonly ready: Promise<boolean>;
}

function startWriters(histories: readonly History[], root: string, random: Random, counts: Counts): readonly Writer[] {
  return histories.map((history) => {
    const child = history.start("writer", {
      root,
      seed: String(random.below(2 ** 32)),
      inFlight: random.pick([1, 2, 8, 32]),
      maxBytes: random.pick([2000, 60_000]),
      ...(random.oneIn(4) ? { syncEveryMs: 5 + random.below(30) } : {}),
    });
    child.onLine((line) => {
      if (line.startsWith('{"is":"acknowledged"')) counts.add(`acknowledgements (${history.store})`);
    });
    return { history, child, ready: child.hasSaid((line) => line.startsWith('{"is":"ready"')) };
  });
}

async function runCycle(writers: readonly Writer[], rig: Rig, random: Random, counts: Counts, startNext: () => void): Promise<void> {
  const { disk, power, mountPoint, fileSystem, mountOptions, root } = rig;
  await disk.mount(mountPoint, fileSystem, mountOptions);
  await Promise.all(writers.map(({ ready }) => ready));
  const opened = writers.map(({ child }) => child.hasSaid((line) => line.startsWith('{"is":"opened"')));
  for (const { child } of writers) child.tell("go");
  // Every eighth cut meets them while they are opening what the last one left.
  const isOpening = random.oneIn(8);
  if (!isOpening) await Promise.all(opened);
  await pause(random.below(isOpening ? MAX_OPENING_MS : MAX_WRITING_MS));
  const read = !isOpening && random.oneIn(4) ? await inTime("reading a log that is in use", readLogElsewhere(root)) : [];
  const kind = random.oneIn(4) ? "keep-journal" : "lose";
  const cuts = writers.map(({ history }) => history.cut());
  const cutAtMs = await power.cut(mountPoint, kind);
  counts.add(`cuts (${kind})`);
  if (isOpening) counts.add("cuts while opening");
  for (const { child } of writers) child.signal("SIGKILL");
  await inTime("ending the killed children", Promise.all(writers.map(({ child }) => child.ended())));
  for (const settle of cuts) counts.add("answers after the cut, not counted", settle(cutAtMs));
  await disk.unmount(mountPoint);
  startNext();
  await disk.mount(mountPoint, fileSystem, mountOptions);
  for (const { history } of writers) {
    if (history.store === "log") history.delivered(read);
    for (const [name, count] of Object.entries(await history.check(root))) counts.add(name, count);
  }
  await disk.unmount(mountPoint);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
