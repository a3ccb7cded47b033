import { SimDisk, type Adversary } from "@holdfast/storage-sim";
import type { Draw } from "./draws.js";
import type { Trial } from "./trial.js";

/** Words of {@link Trial.options} about the disk, for every store. */
export const DISK_WORDS = ["blocks", "plain", "cow", "turns", "cached", "unaligned"] as const;

/** An empty disk as the trial wants it. */
export function newDisk({ profile, faults, options }: Pick<Trial, "profile" | "faults" | "options">, adversary: Adversary): SimDisk {
  const has = (word: (typeof DISK_WORDS)[number]): boolean => options.includes(word);
  return new SimDisk({
    profile,
    adversary,
    faults,
    // The disk writes 4 KiB as a whole, and not 512 bytes.
    sectorBytes: has("blocks") ? 4096 : 512,
    // No O_DSYNC, as elsewhere than on Linux.
    appendMode: has("plain") ? "write-then-sync" : "dsync",
    fileSystem: { type: "sim", localLocks: true, copyOnWrite: has("cow") },
    // Files cannot be opened to be written past the cache, or whoever does is told at the first write that it cannot be.
    directWrites: has("cached") ? "refusedAtOpen" : has("unaligned") ? "refusedAtWrite" : "supported",
    // Calls are answered in another order than they were made.
    maxTurns: has("turns") ? 4 : 1,
  });
}

/**
 * What the disk of a script is like, as words of {@link DISK_WORDS}; most scripts have few.
 *
 * @param drawApart - Draws the words that came later, so that the scripts of seeds do what they did before.
 */
export function drawDiskOptions(draw: Draw, drawApart: Draw): readonly string[] {
  const words = (["blocks", "plain", "cow", "turns"] as const).filter((word) => draw(word === "cow" ? 12 : 6) === 0);
  const directWrites = (["cached", "unaligned"] as const)[drawApart(12)];
  return directWrites === undefined ? words : [...words, directWrites];
}

/** Some of the words, each with one chance in `of`. */
export function drawWords(draw: Draw, words: readonly (readonly [word: string, of: number])[]): readonly string[] {
  return words.filter(([, of]) => draw(of) === 0).map(([word]) => word);
}

