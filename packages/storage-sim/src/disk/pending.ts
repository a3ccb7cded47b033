import type { Fates, ZeroedTail } from "./fates.js";
import type { FileSystem } from "./file-system.js";
import { sectorsOf, type EntryEffect, type FileEffect } from "./inode.js";

/** Something that was done and may be gone after a power loss. */
export type PendingEffect =
  | {
      readonly kind: "entry";
      readonly id: number;
      /** Names in one directory that were given (`true`) or taken away, together. */
      readonly names: readonly { readonly name: string; readonly given: boolean }[];
    }
  | { readonly kind: "truncate"; readonly id: number; readonly inode: number; readonly sizeBytes: number }
  | {
      readonly kind: "write";
      readonly id: number;
      readonly inode: number;
      readonly offset: number;
      readonly length: number;
      /** How many sectors it touches. */
      readonly sectors: number;
      /** By how many bytes it made the file longer. */
      readonly growthBytes: number;
    };

/**
 * What is left of an effect. `true`: all; `false`: nothing. Names are left whole or not at all. A truncate that cuts may leave the old
 * size, with zeros from the new end on in sectors of its block of 4096 bytes.
 */
export type Survival = boolean | PartOfWrite | ZeroedTail;

/** What is left of a write. */
export interface PartOfWrite {
  /** Which of its sectors are on the disk; the index counts from its first one. */
  readonly sector: (index: number) => boolean;
  /** How many of the bytes by which it made the file longer count: 0 to `growthBytes`. */
  readonly growthBytes: number;
  /**
   * What is found in sectors that belong to the file and are not on the disk: `removed` is what a removed file had there, if
   * any was removed, else zeros. Default zeros.
   */
  readonly unwritten?: "zeros" | "garbage" | "removed" | undefined;
}

/** What is not durable: first the names, then for each file its writes and truncates, the oldest first. */
export function pendingEffects(fileSystem: FileSystem): readonly PendingEffect[] {
  const pending: PendingEffect[] = fileSystem.entries.filter(isUncertain).map(entryOf);
  for (const inode of fileSystem.inodes.values()) {
    if (inode.kind !== "file") continue;
    for (const effect of inode.effects) if (isUncertain(effect)) pending.push(fileEffectOf(inode.id, effect, fileSystem.geometry.sectorBytes));
  }
  return pending;
}

/** Fates that somebody else decides, effect by effect. */
export function decidedFates(survives: (id: number) => Survival): Fates {
  return {
    entry: ({ id }) => survives(id) !== false,
    file: () => undefined,
    truncate({ id }) {
      const survival = survives(id);
      if (typeof survival === "object") return "zeroed" in survival ? survival : "done";
      return survival ? "done" : "none";
    },
    write(effect) {
      const survival = survives(effect.id);
      if (typeof survival === "object" && "zeroed" in survival) return { keep: "none", size: 0 };
      if (typeof survival === "boolean") return survival ? { keep: "all", size: effect.end } : { keep: "none", size: 0 };
      return { keep: survival.sector, size: survival.growthBytes === 0 ? 0 : Math.min(effect.end, effect.before.size + survival.growthBytes) };
    },
    fill({ id }, dead) {
      const survival = survives(id);
      const fill = typeof survival === "boolean" || "zeroed" in survival ? "zeros" : (survival.unwritten ?? "zeros");
      if (fill !== "removed") return fill;
      return dead > 0 ? dead - 1 : "zeros";
    },
  };
}

function isUncertain({ state }: EntryEffect | FileEffect): boolean {
  return state === "open" || state === "dropped";
}

function entryOf({ id, changes }: EntryEffect): PendingEffect {
  return { kind: "entry", id, names: changes.map(([name, inode]) => ({ name, given: inode !== undefined })) };
}

function fileEffectOf(inode: number, effect: FileEffect, sectorBytes: number): PendingEffect {
  if (effect.kind === "truncate") return { kind: "truncate", id: effect.id, inode, sizeBytes: effect.size };
  return {
    kind: "write",
    id: effect.id,
    inode,
    offset: effect.offset,
    length: effect.end - effect.offset,
    sectors: sectorsOf(effect, sectorBytes).count,
    growthBytes: Math.max(0, effect.end - effect.before.size),
  };
}
