import type { Adversary } from "../adversary.js";
import { BLOCK_BYTES, tailSectors } from "./image.js";
import type { EntryEffect, Sectors, TruncateEffect, WriteEffect } from "./inode.js";

/** What is left of a write. */
export interface WriteFate {
  /** Which of its sectors the disk holds; the index counts from the first sector of the write. */
  readonly keep: "none" | "all" | ((index: number) => boolean);
  /** Up to where the file reaches because of it, in bytes; 0: it did not make the file grow. */
  readonly size: number;
}

/** What is left of a cut, or of a growth by truncate. */
export type TruncateFate = "none" | "done" | ZeroedTail;

/** The old size, and zeros from the new end on in some sectors of its block. */
export interface ZeroedTail {
  /** Which sectors; the index counts from the one in which the new end lies to the end of the block. */
  readonly zeroed: (index: number) => boolean;
}

/** What a place shows that belongs to a file and was never written: the number is that of a removed file whose bytes it shows. */
export type Fill = "zeros" | "garbage" | number;

/**
 * Decides what power loss leaves of everything that was not durable. It is asked in one order: the changes of directories from
 * the oldest on, then for each file, by its inode, its effects from the oldest on, then the fills of that file.
 */
export interface Fates {
  /** Whether the changed names are on the disk. */
  entry(effect: EntryEffect): boolean;
  /** A file begins. */
  file(): void;
  truncate(effect: TruncateEffect, sectorBytes: number): TruncateFate;
  /** @param sectors - Those that it touches. */
  write(effect: WriteEffect, sectors: Sectors): WriteFate;
  /** @param dead - How many removed files are remembered. */
  fill(effect: WriteEffect, dead: number): Fill;
}

/** How far a write makes the file grow, in bytes. */
function growth(effect: WriteEffect): number {
  return Math.max(0, effect.end - effect.before.size);
}

/**
 * The weakest disk that a program has to live with: everything that is not pinned survives or not, sector by sector, name by
 * name, in any combination. Of a write that makes the file grow, data and size survive on their own.
 */
export function posixFates(adversary: Adversary): Fates {
  const survives = (label: string): boolean => adversary.choose(label, 2) === 1;
  return {
    entry: () => survives("directory entry survives"),
    file: () => undefined,
    truncate: (effect, sectorBytes) => truncateFate(adversary, effect, sectorBytes),
    write(effect, sectors) {
      const keep = posixSectors(adversary, sectors.count);
      return { keep, size: growth(effect) === 0 ? 0 : posixSize(adversary, effect) };
    },
    fill(_effect, dead) {
      const chosen = adversary.choose("unwritten bytes", dead > 0 ? 3 : 2);
      if (chosen < 2) return chosen === 0 ? "zeros" : "garbage";
      return adversary.choose("removed file", dead);
    },
  };
}

/**
 * As journaling file systems are that write data before its metadata: changes of names survive as a prefix of their order, and
 * so do those of one file's size; a file is never longer than its data. Writes within a file are torn and reordered as anywhere.
 */
export function orderedFates(adversary: Adversary): Fates {
  let entriesEnd = false;
  let sizesEnd = false;
  return {
    entry() {
      if (!entriesEnd && adversary.choose("directory entry survives", 2) === 0) entriesEnd = true;
      return !entriesEnd;
    },
    file() {
      sizesEnd = false;
    },
    truncate(effect, sectorBytes) {
      if (sizesEnd) return "none";
      const fate = truncateFate(adversary, effect, sectorBytes);
      if (fate !== "done") sizesEnd = true;
      return fate;
    },
    write(effect, sectors) {
      if (growth(effect) === 0) return { keep: posixSectors(adversary, sectors.count), size: 0 };
      if (sizesEnd) return NOTHING;
      const chosen = adversary.choose("write", sectors.count > 1 ? 3 : 2);
      if (chosen === 1) return { keep: "all", size: effect.end };
      sizesEnd = true;
      if (chosen === 0) return NOTHING;
      const kept = adversary.choose("sectors of a torn write", sectors.count - 1) + 1;
      return prefixFate(effect, kept, sectors);
    },
    fill: () => "zeros",
  };
}

/**
 * A file system that cuts a file within a block writes the block with zeros behind the new end, before the cut is durable, as ext4
 * does. Blocks are smaller than 4096 bytes too, and the write may be torn: so any of the sectors have zeros.
 */
function truncateFate(adversary: Adversary, { size, before }: TruncateEffect, sectorBytes: number): TruncateFate {
  const zeroes = size < before.size && size % BLOCK_BYTES !== 0;
  const chosen = adversary.choose("truncate survives", zeroes ? 3 : 2);
  if (chosen < 2) return chosen === 0 ? "none" : "done";
  const keep = posixSectors(adversary, tailSectors(size, sectorBytes));
  return typeof keep === "string" ? { zeroed: () => keep === "all" } : { zeroed: keep };
}

/** What is left of a write of which the first sectors are on the disk, and the size with them. */
function prefixFate(effect: WriteEffect, kept: number, { first, bytes }: Sectors): WriteFate {
  const end = Math.min(effect.end, (first + kept) * bytes);
  return { keep: (index) => index < kept, size: end > effect.before.size ? end : 0 };
}

const NOTHING: WriteFate = { keep: "none", size: 0 };

/** Nothing, all, any subset, or a prefix: a subset too, but one that must not be left to luck where there are many. */
function posixSectors(adversary: Adversary, sectors: number): WriteFate["keep"] {
  switch (adversary.choose("write", sectors === 1 ? 2 : sectors <= 3 ? 3 : 4)) {
    case 0:
      return "none";
    case 1:
      return "all";
    case 2: {
      const kept = Array.from({ length: sectors }, () => adversary.choose("sector survives", 2) === 1);
      return (index) => kept[index] === true;
    }
    default: {
      const count = adversary.choose("sectors of a torn write", sectors - 1) + 1;
      return (index) => index < count;
    }
  }
}

/** The old size, the new one, or any between. */
function posixSize(adversary: Adversary, effect: WriteEffect): number {
  const grown = growth(effect);
  const chosen = adversary.choose("size", grown > 1 ? 3 : 2);
  if (chosen < 2) return chosen === 0 ? 0 : effect.end;
  return effect.before.size + 1 + adversary.choose("bytes of a torn size", grown - 1);
}
