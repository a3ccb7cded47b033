import { mildAdversary, type Adversary } from "../adversary.js";
import { Search } from "../exhaust.js";
import { seededAdversary } from "../seeded-adversary.js";
import type { SimDisk } from "./disk.js";
import { BLOCK_BYTES } from "./image.js";
import type { PendingEffect, Survival } from "./pending.js";

/** Options of {@link crashStates}. */
export interface CrashStatesOptions {
  /** With up to so many pieces every subset is tried: 2 to the power of it. A piece is a name, a truncate, a sector or a size. Default 10. */
  readonly exhaustUpTo?: number | undefined;
  /** How many states are drawn where there are more pieces. Default 256. */
  readonly samples?: number | undefined;
  /** For what is drawn. Default 0. */
  readonly seed?: number | undefined;
  /** Decides on the new disks. Default: {@link mildAdversary}. */
  readonly adversary?: Adversary | undefined;
}

/** A disk after power loss. */
export interface CrashState {
  /** Says which state it is: `"without 3"`, `"last write to sector 2, garbage behind"`, `"sample 17"`. */
  readonly name: string;
  readonly disk: SimDisk;
}

/**
 * The states in which power loss at this moment may leave a disk. With few pieces not durable: all of them. With more: nothing,
 * everything, each prefix, everything but one, one alone, the last write torn at each of its sectors, and samples. With both: a file too short for its
 * last write, at up to 16 sizes; and each cut not done, in a block that is zeroed from there on.
 *
 * With the profiles `ordered` and `kill`: every state if there are at most 1,024, else the first 1,024 and samples.
 *
 * The disk itself goes on. States are made one by one, as they are asked for.
 */
export function* crashStates(disk: SimDisk, options: CrashStatesOptions = {}): Generator<CrashState, void, undefined> {
  const { exhaustUpTo = 10, adversary = mildAdversary } = options;
  if (disk.profile !== "posix") {
    yield* searched(disk, options, adversary);
    return;
  }
  const effects = disk.pending;
  const pieces = effects.flatMap(piecesOf);
  const survivals = pieces.length <= exhaustUpTo ? subsets(effects, pieces) : selected(effects);
  for (const { name, survives } of [...survivals, ...cut(effects), ...zeroed(effects)]) yield { name, disk: disk.crash({ kind: "power", adversary, survives }) };
  if (pieces.length > exhaustUpTo) yield* sampled(disk, options, adversary);
}

interface Named {
  readonly name: string;
  readonly survives: (effect: PendingEffect) => Survival;
}

/** One bit of a state. */
interface Piece {
  readonly id: number;
  /** Of a write: which of its sectors, or that the file is longer. */
  readonly part: number | "growth";
}

const SEARCHED_STATES = 1024;
/** How many sizes a write that was cut is tried with, at most, beside one byte more and one less. */
const CUT_SIZES = 14;
const UNWRITTEN = ["zeros", "garbage", "removed"] as const;

function piecesOf(effect: PendingEffect): readonly Piece[] {
  const { id } = effect;
  if (effect.kind !== "write") return [{ id, part: 0 }];
  const sectors = Array.from({ length: effect.sectors }, (_, part) => ({ id, part }));
  return effect.growthBytes > 0 ? [...sectors, { id, part: "growth" }] : sectors;
}

function* subsets(effects: readonly PendingEffect[], pieces: readonly Piece[]): Generator<Named, void, undefined> {
  for (let mask = 0; mask < 2 ** pieces.length; mask += 1) {
    const has = ({ id }: PendingEffect, part: Piece["part"]): boolean => {
      const index = pieces.findIndex((piece) => piece.id === id && piece.part === part);
      return index >= 0 && (mask & (1 << index)) !== 0;
    };
    // Only where a file is longer than its data does it matter what is found there.
    const exposes = effects.some((it) => it.kind === "write" && it.growthBytes > 0) && mask !== 2 ** pieces.length - 1 && mask !== 0;
    for (const unwritten of exposes ? UNWRITTEN : UNWRITTEN.slice(0, 1)) {
      yield {
        name: `subset ${mask.toString(2).padStart(pieces.length, "0")}${exposes ? `, ${unwritten}` : ""}`,
        survives: (effect) =>
          effect.kind === "write"
            ? { sector: (part) => has(effect, part), growthBytes: has(effect, "growth") ? effect.growthBytes : 0, unwritten }
            : has(effect, 0),
      };
    }
  }
}

function* selected(effects: readonly PendingEffect[]): Generator<Named, void, undefined> {
  yield { name: "nothing", survives: () => false };
  yield { name: "everything", survives: () => true };
  for (const [index, one] of effects.entries()) {
    const before = new Set(effects.slice(0, index).map(({ id }) => id));
    if (index > 0) yield { name: `first ${index}`, survives: ({ id }) => before.has(id) };
    yield { name: `without ${index + 1}`, survives: ({ id }) => id !== one.id };
    yield { name: `only ${index + 1}`, survives: ({ id }) => id === one.id };
  }
  yield* torn(effects);
}

/** The last write, with everything else there. */
function* torn(effects: readonly PendingEffect[]): Generator<Named, void, undefined> {
  const last = effects.findLast((effect) => effect.kind === "write");
  if (last?.kind !== "write") return;
  for (let count = 0; count < last.sectors; count += 1) {
    const name = `last write to sector ${count}`;
    const sector = (index: number): boolean => index < count;
    const unsized = { sector, growthBytes: 0 };
    yield { name: `${name}, not longer`, survives: ({ id }) => (id === last.id ? unsized : true) };
    if (last.growthBytes === 0) continue;
    for (const unwritten of UNWRITTEN) {
      const part = { sector, growthBytes: last.growthBytes, unwritten };
      yield { name: `${name}, ${unwritten} behind`, survives: ({ id }) => (id === last.id ? part : true) };
    }
  }
}

/** The last write that made its file longer, whole, in a file that is too short. */
function* cut(effects: readonly PendingEffect[]): Generator<Named, void, undefined> {
  const last = effects.findLast((effect) => effect.kind === "write" && effect.growthBytes > 1);
  if (last?.kind !== "write") return;
  const step = Math.max(1, Math.ceil(last.growthBytes / CUT_SIZES));
  const sizes = new Set([1, last.growthBytes - 1]);
  for (let bytes = step; bytes < last.growthBytes; bytes += step) sizes.add(bytes);
  for (const growthBytes of sizes) {
    const part = { sector: () => true, growthBytes };
    yield { name: `last write ${growthBytes} bytes longer`, survives: ({ id }) => (id === last.id ? part : true) };
  }
}

/** Each cut not done, in a block that is zeroed from there on, with everything else there. */
function* zeroed(effects: readonly PendingEffect[]): Generator<Named, void, undefined> {
  for (const [index, effect] of effects.entries()) {
    if (effect.kind !== "truncate" || effect.sizeBytes % BLOCK_BYTES === 0) continue;
    yield { name: `cut ${index + 1} zeroed`, survives: ({ id }) => (id === effect.id ? { zeroed: () => true } : true) };
  }
}

function* sampled(disk: SimDisk, { samples = 256, seed = 0 }: CrashStatesOptions, adversary: Adversary): Generator<CrashState, void, undefined> {
  for (let index = 0; index < samples; index += 1) {
    yield { name: `sample ${index}`, disk: disk.crash({ kind: "power", adversary, chance: seededAdversary(seed * SEED_STEP + index) }) };
  }
}

function* searched(disk: SimDisk, options: CrashStatesOptions, adversary: Adversary): Generator<CrashState, void, undefined> {
  const search = new Search();
  for (let index = 0; index < SEARCHED_STATES; index += 1) {
    yield { name: `state ${index}`, disk: disk.crash({ kind: "power", adversary, chance: search.begin() }) };
    if (!search.advance()) return;
  }
  yield* sampled(disk, options, adversary);
}

/** Keeps the samples of neighbouring seeds apart. */
const SEED_STEP = 1_000_003;
