import { open, readFile, rm, type FileHandle } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";

import { nodeFsPort } from "@holdfast/storage-fs";

import type { Child, ChildEnd } from "../child.js";
import { startFuseDisk, whyNoFuseDisk, type FuseDisk } from "../fuse-disk/fuse-disk.js";
import { STORES, type History } from "../history.js";
import { HangError, inTime } from "../in-time.js";
import { attachLoopDisk, whyNoLoopDisk, type LoopDisk } from "../loop-disk.js";
import { firstMissing, ioctlTool } from "../machine.js";
import { openPowerSwitch, type PowerSwitch } from "../power-cut/power-switch.js";
import { startProgress } from "../progress.js";
import { Counts, publish, skippedResult, type RungResult, type Violation } from "../result.js";
import { ToolError } from "../run-tool.js";
import { EXPECTED_REFUSALS, prepare, runScript, type Prepared } from "../sweep/prepared.js";
import { parseClaim } from "../work/claims.js";
import { describeBytes, recordMark } from "../work/record-bytes.js";
import { openWorkspace, type Workspace } from "../workspace.js";

/** Options of the rung. */
export interface FailedSyncOptions {
  /** At most so many failing writes of each store. */
  readonly cases?: number;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Lets a disk fail to write one record, in each way, under each store. Answers the exit code. */
export async function runFailedSync(options: FailedSyncOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await failEachSync(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/**
 * Runs each store's script on ext4 on a disk that cannot write one of its records, for each record: the first time, and for ever. ext4 then
 * shows bytes that are not on the disk, and answers the next sync with ok. Whoever is asked next must not build on them: after the script
 * the disk is well again, the store is opened and checked; then power is cut, and it is opened and checked once more. All that was
 * acknowledged, and all that the first opening has shown, must be there.
 */
async function failEachSync({ cases, seed }: FailedSyncOptions, workspace: Workspace): Promise<RungResult> {
  const missing = whyNoFuseDisk() ?? whyNoLoopDisk("ext4") ?? firstMissing([ioctlTool]);
  if (missing !== undefined) return skippedResult("failed-sync", seed, missing);
  const started = performance.now();
  const run: Run = { counts: new Counts(), violations: [] };
  const prepared = await Promise.all(STORES.map((store) => prepare(store, join(workspace.directory(`prepared-${store}`), "store"))));
  try {
    const rig = await openRig(workspace);
    await control(rig, run);
    await controlPastCache(rig, run);
    for (const it of prepared) await failWritesOf(it, cases, rig, run);
    await closeRig(rig);
  } catch (error) {
    if (!(error instanceof ToolError) || run.counts.get("cases") > 0) throw error;
    return skippedResult("failed-sync", seed, error.message); // it may not be done here, as in a container
  }
  const settings = { node: process.version, kernel: release(), "file system": `ext4, ${DISK_BYTES / 2 ** 20} MiB` };
  return { rung: "failed-sync", seed, seconds: (performance.now() - started) / 1000, settings, counts: run.counts.values(), skipped: [], violations: run.violations };
}

const DISK_BYTES = 64 * 2 ** 20;
const FOR_EVER = 1_000_000;
const BLOCK_BYTES = 4096;

interface Run {
  readonly counts: Counts;
  readonly violations: Violation[];
}

interface Rig {
  readonly disk: FuseDisk;
  readonly loop: LoopDisk;
  readonly power: PowerSwitch;
  readonly mountPoint: string;
}

async function openRig(workspace: Workspace): Promise<Rig> {
  const disk = await startFuseDisk(DISK_BYTES, workspace);
  const loop = await attachLoopDisk(disk.file, workspace);
  // Blocks that are pages: of a write across the border of a page the loop driver would not tell that its second part failed.
  await loop.format("ext4", ["-b", String(BLOCK_BYTES)]);
  return { disk, loop, power: openPowerSwitch(workspace), mountPoint: join(workspace.path, "mnt") };
}

async function closeRig({ disk, loop, power }: Rig): Promise<void> {
  power.close();
  await loop.detach();
  disk.close();
}

/** That the rig bites: a plain file whose first sync fails, whose second one does not, and whose bytes are gone. */
async function control({ disk, loop, mountPoint }: Rig, { counts, violations }: Run): Promise<void> {
  const path = join(mountPoint, "plain");
  const text = "bytes of a plain file";
  await loop.mount(mountPoint, "ext4");
  const file = await open(path, "w");
  await file.write(text);
  await disk.fail(text, FOR_EVER);
  const answers = [await syncAnswer(file), await syncAnswer(file)];
  await file.close();
  const seen = await readFile(path, "utf8");
  await disk.heal();
  await loop.unmount(mountPoint);
  await loop.mount(mountPoint, "ext4");
  const left = await readFile(path, "utf8");
  await loop.unmount(mountPoint);
  const isAsExpected = answers.join() === "EIO,ok" && seen === text && left !== text;
  if (isAsExpected) counts.add("plain files whose second sync answered ok while their bytes were gone");
  else violations.push({ kind: "rig", where: "a plain file", detail: `syncs answered ${answers.join(", ")}; the bytes are ${left === text ? "there" : "gone"}` });
}

/** The same of a write past the cache: it fails itself, and nothing shows what is not on the disk. So the simulated disk does it, too. */
async function controlPastCache({ disk, loop, mountPoint }: Rig, { counts, violations }: Run): Promise<void> {
  const path = join(mountPoint, "past-the-cache");
  const text = "bytes that cannot be written";
  const [before, after] = [blocksOf("bytes that are on the disk"), blocksOf(text)];
  await loop.mount(mountPoint, "ext4");
  await (await nodeFsPort.open(path, { mode: "create" })).close();
  const file = await nodeFsPort.open(path, { mode: "write", dsync: true, direct: true });
  await file.write(before, 0);
  await disk.fail(text, FOR_EVER);
  const answer = await answerOf(file.write(after, 0));
  await file.close();
  const seen = await readFile(path);
  await disk.heal();
  await loop.unmount(mountPoint);
  await loop.mount(mountPoint, "ext4");
  const left = await readFile(path);
  await loop.unmount(mountPoint);
  if (answer === "EIO" && seen.equals(before) && left.equals(before)) counts.add("writes past the cache that failed, and nothing was seen of them");
  else violations.push({ kind: "rig", where: "a file that is written past the cache", detail: `the write answered ${answer}; seen: ${describeBytes(seen)}; left: ${describeBytes(left)}` });
}

/** Two blocks, the text in the second one, in memory that begins with a page. That the first one can be written must not hide the other. */
function blocksOf(text: string): Uint8Array {
  const memory = new Uint8Array(new ArrayBuffer(2 * BLOCK_BYTES, { maxByteLength: 2 * BLOCK_BYTES }));
  memory.set(Buffer.from(text), BLOCK_BYTES);
  return memory;
}

function syncAnswer(file: FileHandle): Promise<string> {
  return answerOf(file.datasync());
}

async function answerOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EIO") return "EIO";
    throw error;
  }
}

async function failWritesOf(prepared: Prepared, cases: number | undefined, rig: Rig, run: Run): Promise<void> {
  const marks = await marksOf(prepared, rig);
  const progress = startProgress();
  for (const [index, mark] of marks.slice(0, cases).entries()) {
    for (const times of [1, FOR_EVER]) {
      progress.show(`failed-sync: ${prepared.store}, ${index} of ${marks.length} writes, ${run.violations.length} violations`);
      await failWrite(prepared, mark, times, rig, run);
    }
  }
  progress.stop();
}

/** What the records begin with that an undisturbed script writes. */
async function marksOf(prepared: Prepared, { loop, mountPoint }: Rig): Promise<readonly string[]> {
  const tokens: number[] = [];
  await loop.mount(mountPoint, "ext4");
  await runScript(prepared, join(mountPoint, "undisturbed"), {}, (child) => {
    child.onLine((line) => {
      const claim = parseClaim(line);
      if (claim.is === "begin" && firstSize(claim.attempt) >= recordMark(claim.token, 0).length) tokens.push(claim.token);
    });
    return finish(child);
  });
  await loop.unmount(mountPoint);
  return tokens.map((token) => recordMark(token, 0));
}

function firstSize(attempt: object): number {
  if ("sizes" in attempt && Array.isArray(attempt.sizes)) return Number(attempt.sizes[0]);
  return "size" in attempt ? Number(attempt.size) : 0;
}

function finish(child: Child): Promise<ChildEnd> {
  child.tell("go");
  return inTime("a script on a failing disk", child.ended());
}

async function failWrite(prepared: Prepared, mark: string, times: number, rig: Rig, { counts, violations }: Run): Promise<void> {
  const { disk, loop, power, mountPoint } = rig;
  const where = `${prepared.store}: ${mark} cannot be written${times === 1 ? " once" : ""}`;
  const root = join(mountPoint, "store");
  await loop.mount(mountPoint, "ext4");
  await rm(root, { recursive: true, force: true });
  try {
    await disk.fail(mark, times);
    const { history, isComplete, refused } = await runScript(prepared, root, {}, finish);
    const failures = await disk.heal();
    counts.add("cases");
    counts.add("block writes that failed", failures);
    if (failures > 0) counts.add(refused > EXPECTED_REFUSALS[prepared.store] ? "cases in which a write was refused" : "cases in which no write was refused, since it had not to be durable yet");
    if (!isComplete) violations.push({ kind: "died", where, detail: "the script did not come to its end" });
    await checkOnce(history, root, counts);
    await power.cut(mountPoint, "lose");
    await loop.unmount(mountPoint);
    await loop.mount(mountPoint, "ext4");
    await checkOnce(history, root, counts);
    violations.push(...history.violations(where));
  } catch (error) {
    if (!(error instanceof HangError)) throw error;
    violations.push({ kind: "hang", where, detail: error.message });
  }
  await loop.unmount(mountPoint);
}

async function checkOnce(history: History, root: string, counts: Counts): Promise<void> {
  for (const [name, count] of Object.entries(await history.check(root))) counts.add(name, count);
}
