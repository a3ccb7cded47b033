import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { isHoldfastError, joinKey, memoryBackend, storagePrefix } from "@holdfast/storage";
import { replicaClient } from "../../src/replica-client.js";
import { rebuildDatabase } from "./rebuild.js";

/** The objects of a replica, by their path below its root. */
export type Objects = ReadonlyMap<string, Uint8Array>;

/** A change of one object. `at` is a place in it. */
export interface Damage {
  readonly path: string;
  readonly change: "remove" | "cut" | "flip" | "add";
  readonly at: number;
}

/** What a reader made of a replica: a database, or why not. */
export type Outcome = { readonly sha256: string } | { readonly error: string };

/** All objects of the replica in a directory. */
export async function objectsAt(root: string): Promise<Objects> {
  const objects = new Map<string, Uint8Array>();
  for (const file of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    objects.set(relative(root, path), new Uint8Array(await readFile(path)));
  }
  return objects;
}

/** Damage to the newest snapshot, and to the first, a middle and the last segment of the WAL behind it. */
export function damagesOf(objects: Objects): readonly Damage[] {
  const paths = [...objects.keys()].sort();
  const snapshot = paths.filter((it) => it.includes("/snapshots/")).at(-1)!;
  const wal = paths.filter((it) => it.includes("/wal/") && indexOf(it) >= indexOf(snapshot));
  const last = wal.at(-1)!;
  const first = wal[0]!;
  const middle = wal[1]!;
  if (indexOf(middle) !== indexOf(first) || wal.length < 3) throw new Error("the index of the newest snapshot has too few segments");
  return [snapshot, first, middle, last].flatMap((path) => {
    const length = objects.get(path)!.length;
    return [
      { path, change: "remove" as const, at: 0 },
      // Nothing left; inside the magic number; behind the head; inside a block; before the end mark; inside the checksum.
      ...[0, 3, 7, length >> 1, length - 8, length - 4, length - 1].map((at) => ({ path, change: "cut" as const, at })),
      // The magic number; the size of blocks; a block; the end mark; the checksum.
      ...[0, 5, length >> 1, length - 6, length - 2].map((at) => ({ path, change: "flip" as const, at })),
      { path, change: "add" as const, at: length },
    ];
  });
}

/** The objects with one of them changed. */
export function damaged(objects: Objects, { path, change, at }: Damage): Objects {
  const result = new Map(objects);
  const bytes = objects.get(path)!;
  if (change === "remove") result.delete(path);
  else if (change === "cut") result.set(path, bytes.slice(0, at));
  else if (change === "add") result.set(path, Uint8Array.of(...bytes, 1, 2, 3));
  else result.set(path, bytes.map((byte, i) => (i === at ? byte ^ 4 : byte)));
  return result;
}

/** What our client makes of a replica of litestream. */
export async function ourOutcome(objects: Objects, generation: string, reading: "strict" | "lenient"): Promise<Outcome> {
  const storage = memoryBackend();
  const prefix = storagePrefix("backup");
  for (const [path, bytes] of objects) await storage.create(joinKey(prefix, path), bytes);
  try {
    return { sha256: sha256(await rebuildDatabase(replicaClient({ storage, prefix: "backup", layout: "litestream-v0.3", reading }), generation)) };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return { error: error.code };
  } finally {
    await storage.close();
  }
}

/** Which outcomes are right, of what litestream makes of the same damage, and of the replica as it was. */
export function rightOutcomes(objects: Objects, { path, change }: Damage, theirs: Outcome, intact: Outcome): { readonly strict: (ours: Outcome) => boolean; readonly lenient: (ours: Outcome) => boolean } {
  const is = (ours: Outcome, expected: Outcome): boolean => "sha256" in ours && "sha256" in expected && ours.sha256 === expected.sha256;
  const isError = (ours: Outcome): boolean => "error" in ours;
  // A replica that lacks its newest object is one that did not get it yet.
  const wal = [...objects.keys()].filter((it) => it.includes("/wal/")).sort();
  const isUnseen = change === "remove" && path === wal.at(-1);
  return {
    strict: (ours) => is(ours, isUnseen ? theirs : intact) || (!isUnseen && isError(ours)),
    lenient: (ours) => {
      // That segments follow each other is looked at here, and not by litestream 0.3.
      if ("sha256" in theirs) return is(ours, theirs) || ("error" in ours && ours.error === "REPLICA_GAP");
      // What is left of a frame is taken here, if it ends with a block.
      return change === "cut" || isError(ours);
    },
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function indexOf(path: string): number {
  return Number.parseInt(/\/([0-9a-f]{8})[._][^/]*$/.exec(path)![1]!, 16);
}
