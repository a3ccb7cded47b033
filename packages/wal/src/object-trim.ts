import type { StorageKey } from "@holdfast/storage";
import { OBJECT_HEADER_BYTES } from "./format/object.js";
import type { LogObjects } from "./log-objects.js";
import { trimKey } from "./object-layout.js";
import { PackList } from "./object-packs.js";

/*
 * What may be removed, and when: a commit when a floor or a pack that covers it is certainly there, a pack under a floor, a floor
 * under a higher floor. A claim never: it is all that stops a writer that was superseded and does not know it yet. A claim has
 * exactly 128 bytes and a commit more, so the listing tells them apart.
 */

/**
 * Removes what a floor that is certainly there covers, and the floors below it.
 *
 * @param after - What lies at or below this position was removed before.
 */
export async function removeTrimmed(objects: LogObjects, floor: number, after: number, signal?: AbortSignal): Promise<void> {
  await objects.remove(commitsIn(objects, after, floor, signal), signal);
  await objects.remove(packsThrough(objects, floor, signal), signal);
  await removeLowerFloors(objects, signal);
}

/** Removes the commits of positions that a pack which is certainly there covers. Answers how many. */
export function removePacked(objects: LogObjects, first: number, last: number, signal?: AbortSignal): Promise<number> {
  return objects.remove(commitsIn(objects, first - 1, last, signal), signal);
}

/** Removes whatever interrupted trims and merges left behind. At any time, by anybody. Answers how many objects. */
export async function removeLeftovers(objects: LogObjects, signal?: AbortSignal): Promise<number> {
  const floor = (await objects.listFloors(signal)).at(-1) ?? 0;
  const packs = await objects.remove(packsThrough(objects, floor, signal), signal);
  const commits = await objects.remove(coveredCommits(objects, floor, signal), signal);
  return packs + commits + (await removeLowerFloors(objects, signal));
}

async function* commitsIn(objects: LogObjects, after: number, through: number, signal: AbortSignal | undefined): AsyncGenerator<StorageKey, void, undefined> {
  for await (const { position, key, bytes } of objects.list(after, signal)) {
    if (position > through) return;
    if (bytes !== OBJECT_HEADER_BYTES) yield key;
  }
}

async function* coveredCommits(objects: LogObjects, floor: number, signal: AbortSignal | undefined): AsyncGenerator<StorageKey, void, undefined> {
  const packs = new PackList(objects, floor, signal);
  for await (const { position, key, bytes } of objects.list(0, signal)) {
    if (bytes === OBJECT_HEADER_BYTES) continue;
    if (position <= floor || (await packs.covering(position)) !== undefined) yield key;
  }
}

async function* packsThrough(objects: LogObjects, floor: number, signal: AbortSignal | undefined): AsyncGenerator<StorageKey, void, undefined> {
  if (floor === 0) return;
  for await (const { last, key } of objects.listPacks(0, signal)) {
    if (last > floor) return;
    yield key;
  }
}

/** Of the listed floors the greatest stays, whoever made it: not the one that was just made. */
async function removeLowerFloors(objects: LogObjects, signal: AbortSignal | undefined): Promise<number> {
  const floors = await objects.listFloors(signal);
  return objects.remove(
    floors.slice(0, -1).map((it) => trimKey(objects.prefix, it)),
    signal,
  );
}
