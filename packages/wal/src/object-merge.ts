import { storagePrefix, type StorageBackend } from "@holdfast/storage";
import { announcePack } from "./diagnostics.js";
import { encodePack, seqAfter } from "./format/object.js";
import { LogObjects, type ListedObject } from "./log-objects.js";
import { corruptObject, soundObject } from "./object-check.js";
import { createShared } from "./object-create.js";
import { readOrigin } from "./object-end.js";
import { packKey } from "./object-layout.js";
import { PackList } from "./object-packs.js";
import { removeLeftovers, removePacked } from "./object-trim.js";
import { checkMergeOptions } from "./options.js";

/** Options of {@link mergeLog}. */
export interface MergeOptions {
  /** Storage that cannot append, with a log on it. */
  readonly storage: StorageBackend;
  readonly prefix: string;
  /** Objects of a pack: 2 to 4,096. A rest that is smaller, in objects and in bytes (8 MiB), is left for the next time. Default 256. */
  readonly packObjects?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What {@link mergeLog} did. */
export interface LogMerge {
  readonly packs: number;
  /** Objects that are in these packs now. */
  readonly packedObjects: number;
  /** Objects that were removed besides: what interrupted trims and merges had left. */
  readonly removedObjects: number;
}

/**
 * Merges the small objects of a log on object storage into larger ones, so that it is read with fewer requests, and removes what
 * is not needed any more. In any process, beside a writer, readers and other mergers; a writer does the same for its own
 * objects, so this is for logs that are opened often and write little. Takes no lock and fences nobody.
 *
 * @throws WAL_CORRUPT, with nothing removed; WAL_READ_FAILED; WAL_NOT_A_LOG; WAL_INVALID_ARGUMENT; what the storage says.
 */
export async function mergeLog(options: MergeOptions): Promise<LogMerge> {
  const { signal } = options;
  const packObjects = checkMergeOptions(options);
  const objects = new LogObjects(options.storage, storagePrefix(options.prefix));
  const merged = await mergeObjects(objects, { packObjects, through: undefined, signal });
  return { ...merged, removedObjects: await removeLeftovers(objects, signal) };
}

/** Which objects {@link mergeObjects} merges. */
export interface MergeRange {
  readonly packObjects: number;
  /** Up to this position, and there everything, however few they are. `undefined`: to the end, and a rest that can still grow is left. */
  readonly through: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Merges by reading. Never the newest object: it is what shows where the log ends. */
export async function mergeObjects(objects: LogObjects, range: MergeRange): Promise<Omit<LogMerge, "removedObjects">> {
  const { packObjects, through = Infinity, signal } = range;
  let packs = 0;
  let packedObjects = 0;
  const floor = (await objects.listFloors(signal)).at(-1) ?? 0;
  const covered = new PackList(objects, floor, signal);
  let run: ListedObject[] = [];
  let runBytes = 0;
  const endRun = async (): Promise<void> => {
    if (run.length > 0 && (await mergeRun(objects, run, signal))) {
      packs++;
      packedObjects += run.length;
    }
    run = [];
    runBytes = 0;
  };
  let listed: ListedObject | undefined;
  for await (const next of objects.list(floor, signal)) {
    const candidate = listed;
    listed = next;
    if (candidate === undefined) continue;
    if (candidate.position > through) break;
    const isCovered = (await covered.covering(candidate.position)) !== undefined;
    if (isCovered || candidate.position !== (run.at(-1)?.position ?? candidate.position - 1) + 1) await endRun();
    if (isCovered) continue;
    run.push(candidate);
    runBytes += candidate.bytes;
    if (run.length >= packObjects || runBytes >= PACK_BYTES) await endRun();
  }
  if (through !== Infinity) await endRun();
  return { packs, packedObjects };
}

/** Merges objects at consecutive positions, none of them the newest. Answers `false` if one of them may have been removed before it was read. */
async function mergeRun(objects: LogObjects, run: readonly ListedObject[], signal: AbortSignal | undefined): Promise<boolean> {
  const first = run[0]?.position ?? 0;
  const last = run.at(-1)?.position ?? 0;
  const { logId } = await readOrigin(objects, undefined, signal);
  const contents = await readAll(objects, run, signal);
  let nextSeq: number | undefined;
  for (const [index, { position, key }] of run.entries()) {
    const bytes = contents[index];
    if (bytes === undefined) return false;
    const header = soundObject({ first: position, last: position, key, isPack: false, bytes }, bytes, logId);
    if (typeof header === "string") throw corruptObject(key, position, header);
    // A claim that came late, where an object has been removed.
    if (header.firstSeq !== (nextSeq ?? header.firstSeq)) return false;
    nextSeq = seqAfter(header);
  }
  // Behind the last reading: if nothing had been packed or trimmed by now, nothing had been removed, so all of them are the log's.
  if (await new PackList(objects, first - 1, signal).overlaps(first, last)) return false;
  if (((await objects.listFloors(signal)).at(-1) ?? 0) >= first) return false;
  await createShared(objects, packKey(objects.prefix, { first, last }), encodePack(contents.filter((it) => it !== undefined)), signal);
  announcePack(objects.prefix, first, last);
  await removePacked(objects, first, last, signal);
  return true;
}

async function readAll(objects: LogObjects, run: readonly ListedObject[], signal: AbortSignal | undefined): Promise<(Uint8Array | undefined)[]> {
  const contents: (Uint8Array | undefined)[] = [];
  for (let at = 0; at < run.length; at += READ_AT_ONCE) {
    contents.push(...(await Promise.all(run.slice(at, at + READ_AT_ONCE).map(({ key }) => objects.readSound(key, signal)))));
  }
  return contents;
}

/** When so many bytes have gathered, a pack is made of them. */
export const PACK_BYTES: number = 8 * 1024 * 1024;
const READ_AT_ONCE = 16;
