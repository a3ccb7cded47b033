import { truncateSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import Table from "cli-table3";

import { startChild, type Child } from "../child.js";
import { inTime } from "../in-time.js";
import { attachLoopDisk, whyNoLoopDisk, type LoopDisk } from "../loop-disk.js";
import { firstMissing, ioctlTool, type Skip } from "../machine.js";
import { openPowerSwitch, type PowerSwitch } from "../power-cut/power-switch.js";
import { startProgress } from "../progress.js";
import { seededRandom, type Random } from "../random.js";
import { Counts, publish, skippedResult, type RungResult, type Violation } from "../result.js";
import { ToolError } from "../run-tool.js";
import { openWorkspace, type Workspace } from "../workspace.js";
import { peers, type Peer } from "./peers.js";
import { refuseNoMatch } from "../../../../../scripts/command-line.js";

/** Options of the rung. */
export interface CompareOptions {
  /** Of each store. */
  readonly cycles: number;
  /** Only stores whose name has this text. */
  readonly store?: string;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Runs one script and its power cuts under each store. Answers the exit code. */
export async function runCompare(options: CompareOptions): Promise<number> {
  const { store } = options;
  if (store !== undefined && chosenBy(store).length === 0) refuseNoMatch("--store", JSON.stringify(store), peers.map(({ name }) => name));
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await comparePeers(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/**
 * Each store gets records, one after the other, on an ext4 of its own, whose power is cut at a moment drawn by the seed. Then it is mounted and the
 * store opened again, in a new process, and what it had acknowledged before the cut is counted, and what of that is not there. Each
 * cut begins with an empty store, and no two stores share a file system: the sync of one makes durable what another has left open.
 */
async function comparePeers(options: CompareOptions, workspace: Workspace): Promise<RungResult> {
  const missing = whyNoLoopDisk("ext4") ?? firstMissing([ioctlTool]);
  if (missing !== undefined) return skippedResult("compare", options.seed, missing);
  const started = performance.now();
  const skipped: Skip[] = [];
  const tallies: Tally[] = [];
  try {
    const rig = await openRig(workspace);
    for (const peer of options.store === undefined ? peers : chosenBy(options.store)) {
      const tally = await cutPowerOf(peer, options, rig);
      if (typeof tally === "string") skipped.push({ what: peer.name, reason: tally });
      else tallies.push(tally);
    }
    rig.power.close();
    await rig.disk.detach();
  } catch (error) {
    if (!(error instanceof ToolError) || tallies.length > 0) throw error;
    return skippedResult("compare", options.seed, error.message); // it may not be done here, as in a container
  }
  console.log(tableOf(tallies));
  for (const { name, failures } of tallies) for (const failure of failures) console.log(`${name}, opened after a cut: ${failure}`);
  const counts = Object.fromEntries(tallies.flatMap(({ name, counts: all }) => Object.entries(all.values()).map(([what, count]) => [`${name}: ${what}`, count])));
  const settings = { node: process.version, kernel: release(), ...Object.fromEntries(tallies.map(({ name, settings: it, version }) => [name, `${version}, ${it}`])) };
  return { rung: "compare", seed: options.seed, seconds: (performance.now() - started) / 1000, settings, counts, skipped, violations: tallies.flatMap(broken) };
}

function chosenBy(text: string): readonly Peer[] {
  return text.trim() === "" ? [] : peers.filter(({ name }) => name.includes(text));
}

const IMAGE_BYTES = 64 * 2 ** 20;
const MIN_WRITING_MS = 50;
const MAX_WRITING_MS = 500;

interface Rig {
  readonly disk: LoopDisk;
  readonly power: PowerSwitch;
  readonly mountPoint: string;
}

/** What became of one store. */
interface Tally {
  readonly name: string;
  readonly version: string;
  readonly settings: string;
  readonly counts: Counts;
  /** What it said when it could not be opened. */
  readonly failures: ReadonlySet<string>;
}

async function openRig(workspace: Workspace): Promise<Rig> {
  const image = join(workspace.path, "compare.img");
  writeFileSync(image, "");
  truncateSync(image, IMAGE_BYTES);
  const disk = await attachLoopDisk(image, workspace);
  return { disk, power: openPowerSwitch(workspace), mountPoint: join(workspace.path, "mnt") };
}

/** Answers why not, where the store cannot be loaded. */
async function cutPowerOf(peer: Peer, { cycles, seed }: CompareOptions, rig: Rig): Promise<Tally | string> {
  const counts = new Counts();
  const failures = new Set<string>();
  for (const name of COLUMNS) counts.add(name, 0);
  const progress = startProgress();
  for (let cycle = 0; cycle < cycles; cycle++) {
    progress.show(`compare: ${peer.name}, ${cycle} of ${cycles} cuts`);
    const reason = await runCycle(peer, rig, seededRandom(`${seed} ${peer.name} ${cycle}`), { counts, failures });
    if (reason !== undefined) return reason;
  }
  progress.stop();
  return { name: peer.name, version: await versionOf(peer), settings: peer.settings, counts, failures };
}

const COLUMNS = ["power cuts", "acknowledged", "of them missing", "of them altered", "cuts with loss", "cuts after which it cannot be opened"] as const;

interface Outcome {
  readonly counts: Counts;
  readonly failures: Set<string>;
}

async function runCycle(peer: Peer, { disk, power, mountPoint }: Rig, random: Random, { counts, failures }: Outcome): Promise<string | undefined> {
  const seed = String(random.below(2 ** 32));
  await disk.format("ext4");
  await disk.mount(mountPoint, "ext4");
  const acknowledged = new Map<number, number>();
  const writer = start(peer, "append", mountPoint, seed);
  writer.onLine((line) => {
    const [what, index, atMs] = line.split(" ");
    if (what === "acknowledged") acknowledged.set(Number(index), Number(atMs));
  });
  await writer.hasSaid((line) => line === "ready");
  writer.tell("go");
  if (!(await inTime(`opening ${peer.name}`, writer.hasSaid((line) => line === "opened")))) {
    const { code, signal } = await writer.ended();
    await disk.unmount(mountPoint);
    return `its process ended with ${signal ?? `code ${String(code)}`} while it was opened, under Node ${process.version}`;
  }
  await new Promise((resolve) => {
    setTimeout(resolve, MIN_WRITING_MS + random.below(MAX_WRITING_MS - MIN_WRITING_MS));
  });
  const cutAtMs = await power.cut(mountPoint, random.oneIn(4) ? "keep-journal" : "lose");
  writer.signal("SIGKILL");
  await inTime("ending a killed child", writer.ended());
  await disk.unmount(mountPoint);
  await disk.mount(mountPoint, "ext4");
  const promised = [...acknowledged].filter(([, atMs]) => atMs < cutAtMs).map(([index]) => index);
  const found = await reopened(peer, mountPoint, seed);
  if (typeof found === "string") failures.add(found);
  count(promised, typeof found === "string" ? undefined : found, counts);
  await disk.unmount(mountPoint);
  return undefined;
}

function start(peer: Peer, what: "append" | "count", directory: string, seed: string): Child {
  return startChild(new URL("../../../dist/real/compare/peer-child.js", import.meta.url), { args: [what, peer.name, directory, seed] });
}

/** What a new process finds: by index, whether the bytes are the same; or why it cannot be opened or not be read. */
async function reopened(peer: Peer, directory: string, seed: string): Promise<ReadonlyMap<number, boolean> | string> {
  const found = new Map<number, boolean>();
  let end = "";
  const reader = start(peer, "count", directory, seed);
  reader.onLine((line) => {
    const [what, index, isSame] = line.split(" ");
    if (what === "found") found.set(Number(index), isSame === "true");
    else end = line;
  });
  try {
    const { code, signal } = await inTime(`opening ${peer.name} again`, reader.ended());
    return end === "done" ? found : end || `its process ended with ${signal ?? `code ${String(code)}`}`;
  } finally {
    reader.signal("SIGKILL");
  }
}

function count(promised: readonly number[], found: ReadonlyMap<number, boolean> | undefined, counts: Counts): void {
  const missing = promised.filter((index) => found?.has(index) !== true).length;
  const altered = promised.filter((index) => found?.get(index) === false).length;
  counts.add("power cuts");
  counts.add("acknowledged", promised.length);
  counts.add("of them missing", missing);
  counts.add("of them altered", altered);
  if (missing + altered > 0) counts.add("cuts with loss");
  if (found === undefined) counts.add("cuts after which it cannot be opened");
}

async function versionOf({ package: name }: Peer): Promise<string> {
  if (name === undefined) return "this repository";
  const file = fileURLToPath(new URL(`../../../node_modules/${name}/package.json`, import.meta.url));
  const description: unknown = JSON.parse(await readFile(file, "utf8"));
  return typeof description === "object" && description !== null && "version" in description ? String(description.version) : "unknown";
}

function tableOf(tallies: readonly Tally[]): string {
  const table = new Table({ head: ["store", "version", ...COLUMNS] });
  for (const { name, version, counts } of tallies) table.push([name, version, ...COLUMNS.map((column) => counts.get(column).toLocaleString("en"))]);
  return table.toString();
}

/** What others lose is told, and is no violation of anything here. */
function broken({ name, version, counts }: Tally): readonly Violation[] {
  const isOurs = version === "this repository";
  const kinds = ["of them missing", "of them altered", "cuts after which it cannot be opened"] as const;
  return isOurs ? kinds.filter((kind) => counts.get(kind) > 0).map((kind) => ({ kind: "lost", where: name, detail: `${counts.get(kind)} ${kind}` })) : [];
}
