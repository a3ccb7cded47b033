import { storageKey } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type Adversary, type FaultPlan, type VirtualClock } from "@holdfast/storage-sim";
import { openKinesisDirectory, type KinesisContents, type KinesisDirectory, type KinesisDirectoryOptions } from "../../src/index.js";
import { emptyState } from "./states.js";

/** Where the directory is on a simulated disk. */
const ROOT = "/state";

/** A simulated disk with a clock beside it. */
export interface Sim {
  readonly disk: SimDisk;
  readonly clock: VirtualClock;
  /** Goes on through crashes, so that no opening draws the names of another. */
  readonly random: RandomSource;
}

export function newSim(options: { readonly adversary?: Adversary; readonly faults?: FaultPlan; readonly startMs?: number } = {}): Sim {
  const { adversary = mildAdversary, faults } = options;
  const clock = virtualClock();
  if (options.startMs !== undefined) clock.step(options.startMs - clock.now());
  return { clock, random: seededRandom(1), disk: new SimDisk({ profile: "posix", adversary, faults, clock }) };
}

/** The same directory after the death of the process. */
export function killed(sim: Sim): Sim {
  return { ...sim, disk: sim.disk.crash({ kind: "process" }) };
}

export function open({ disk, clock, random }: Sim, options: KinesisDirectoryOptions = {}): Promise<KinesisDirectory> {
  return openKinesisDirectory(ROOT, { port: disk.port(), clock, random, ...options });
}

export function backend({ disk, clock, random }: Sim): Promise<FsBackend> {
  return fsBackend({ root: ROOT, port: disk.port(), clock, random });
}

/** Puts files into the directory. */
export async function fill(sim: Sim, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const storage = await backend(sim);
  for (const [name, bytes] of files) await storage.create(storageKey(name), bytes);
  await storage.close();
}

/** What is in the directory, but for lock files, which mean nothing: names, and contents as text of one byte a character. */
export function filesIn({ disk }: Sim): Readonly<Record<string, string>> {
  const files = [...disk.files()].filter(([path]) => path.startsWith(`${ROOT}/`) && !path.endsWith(".lock"));
  return Object.fromEntries(files.map(([path, bytes]) => [path.slice(ROOT.length + 1), Buffer.from(bytes).toString("latin1")] as const).sort());
}

/** A state that is told from others by what it retains. */
export function contents(retainedBytes: number, accountSettingsJson: Uint8Array = new Uint8Array()): KinesisContents {
  return { ...emptyState, retainedBytes: BigInt(retainedBytes), accountSettingsJson };
}
