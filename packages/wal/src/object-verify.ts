import type { StorageKey, StoragePrefix } from "@holdfast/storage";
import { bodyProblem, OBJECT_HEADER_BYTES, ObjectKind, isSameId, seqAfter, unpack, type ObjectHeader, type PackedObject } from "./format/object.js";
import { isWholeBody } from "./format/records.js";
import { LogObjects, type ListedPack } from "./log-objects.js";
import { soundObject } from "./object-check.js";
import { listLog, readOrigin, requireObjects, type LogOrigin } from "./object-end.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey, trimKey, type PositionRange } from "./object-layout.js";
import { ObjectQueue, type FetchedObject } from "./object-queue.js";
import { PositionIndex } from "./position-index.js";
import type { LogVerification, VerifyFinding, VerifyOptions } from "./verify.js";

/** What {@link verifyObjects} answers: what it could tell before it failed, if it did. */
export type ObjectVerification = Partial<LogVerification> & { readonly findings: VerifyFinding[] };

/**
 * Reads every object of the history as a reader would, and the packs that a reader could have met besides. Findings do not end it:
 * behind one it goes on with what comes next.
 */
export async function verifyObjects(options: VerifyOptions, prefix: StoragePrefix): Promise<ObjectVerification> {
  const { storage, signal, onProgress } = options;
  const objects = new LogObjects(storage, prefix);
  const { newest } = await listLog(objects, signal);
  if (newest === undefined) {
    await requireObjects(objects, signal);
    return { findings: [] };
  }
  const origin = await readOrigin(objects, undefined, signal);
  const contents = await listContents(objects, origin.floor, signal);
  const walk = new ObjectWalk(objects, origin, signal);
  const progress = (bytesRead: number): void => onProgress?.({ bytesRead, bytesTotal: contents.historyBytes });
  await walk.run(newest.position, progress);
  for (const pack of contents.packs) if (!walk.visited.has(pack.key)) await walk.checkPack(pack);
  const { findings, checkedBytes } = walk;
  return {
    findings,
    segments: walk.objects,
    commits: walk.commits,
    records: walk.records,
    checkedBytes,
    firstSeq: origin.firstSeq,
    lastSeq: (walk.nextSeq ?? origin.firstSeq) - 1,
    voidSegments: contents.leftovers,
    ignoredBytes: contents.bytes - checkedBytes,
    closedCleanly: true,
  };
}

/** What is there, by its names and sizes. */
interface Contents {
  readonly bytes: number;
  /** Bytes of the objects that hold the history. */
  readonly historyBytes: number;
  readonly packs: readonly ListedPack[];
  /** What an interrupted trim or merge left. */
  readonly leftovers: readonly StorageKey[];
}

async function listContents(objects: LogObjects, floor: number, signal: AbortSignal | undefined): Promise<Contents> {
  const floors = await objects.listFloors(signal);
  const leftovers = floors.slice(0, -1).map((it) => trimKey(objects.prefix, it));
  let bytes = floors.length * OBJECT_HEADER_BYTES;
  let historyBytes = 0;
  const packs: ListedPack[] = [];
  for await (const pack of objects.listPacks(0, signal)) {
    bytes += pack.bytes;
    if (pack.last <= floor) leftovers.push(pack.key);
    else {
      packs.push(pack);
      historyBytes += pack.bytes;
    }
  }
  for await (const { position, key, bytes: size } of objects.list(0, signal)) {
    bytes += size;
    const isCovered = position <= floor || packs.some((it) => it.first <= position && it.last >= position);
    if (!isCovered) historyBytes += size;
    else if (size !== OBJECT_HEADER_BYTES) leftovers.push(key);
  }
  return { bytes, historyBytes, packs, leftovers };
}

class ObjectWalk {
  readonly findings: VerifyFinding[] = [];
  /** Keys of the objects that were read. */
  readonly visited = new Set<StorageKey>();
  commits = 0;
  records = 0;
  checkedBytes = 0;
  /** The sequence number that the next object must state; `undefined` behind something that is damaged or missing. */
  nextSeq: number | undefined;
  readonly #objects: LogObjects;
  readonly #origin: LogOrigin;
  readonly #signal: AbortSignal | undefined;
  #committedAtMs = 0;
  /** The last claim that was passed, or what the first commit says of it. */
  #writer: Pick<ObjectHeader, "term" | "writerId"> | undefined;

  constructor(objects: LogObjects, origin: LogOrigin, signal: AbortSignal | undefined) {
    this.#objects = objects;
    this.#origin = origin;
    this.#signal = signal;
    this.nextSeq = origin.firstSeq;
  }

  /** Objects that were read. */
  get objects(): number {
    return this.visited.size;
  }

  async run(newest: number, onObject: (checkedBytes: number) => void): Promise<void> {
    let position = this.#origin.floor + 1;
    let queue = this.#queueFrom(position);
    while (position <= newest) {
      this.#signal?.throwIfAborted();
      const found = await queue.next();
      if (found?.bytes === undefined) {
        this.#found("WAL_SEGMENT_MISSING", found?.key ?? logKey(this.#objects.prefix, position), 0, "an object that the log needs is not there");
        position = found === undefined ? await this.#nextAfter(position) : found.last + 1;
        queue = this.#queueFrom(position);
        continue;
      }
      this.#check(found, await this.#agreed(found, found.bytes), position);
      onObject(this.checkedBytes);
      position = found.last + 1;
    }
  }

  /** A pack that the walk did not come by: whether it is sound in itself. */
  async checkPack(pack: ListedPack): Promise<void> {
    const bytes = await this.#objects.readSound(pack.key, this.#signal);
    if (bytes === undefined) return;
    this.visited.add(pack.key);
    const objects = this.#open({ ...pack, isPack: true, bytes }, bytes);
    for (const it of objects ?? []) this.#checkBody(pack.key, bytes, it);
    this.checkedBytes += bytes.length;
  }

  /** What looks damaged is read again before it is called so. If it is gone by now, what was read of it counts. */
  async #agreed(found: FetchedObject, bytes: Uint8Array): Promise<Uint8Array> {
    if (typeof soundObject(found, bytes, this.#origin.logId) !== "string") return bytes;
    return (await this.#objects.readSound(found.key, this.#signal)) ?? bytes;
  }

  /** @param position - From here on the history has not been checked yet; a pack may begin before. */
  #check(found: FetchedObject, bytes: Uint8Array, position: number): void {
    this.visited.add(found.key);
    this.checkedBytes += bytes.length;
    for (const it of this.#open(found, bytes) ?? []) {
      if (it.header.lastPosition < position) continue;
      this.#checkPlace(found.key, it);
      if (!this.#checkBody(found.key, bytes, it) || it.header.recordCount === 0) continue;
      this.commits++;
      this.records += it.header.recordCount;
    }
  }

  /** The commits and claims in an object. */
  #open(found: FetchedObject, bytes: Uint8Array): readonly PackedObject[] | undefined {
    const header = soundObject(found, bytes, this.#origin.logId);
    const objects = typeof header === "string" ? header : found.isPack ? unpack(bytes, header) : [{ header, start: OBJECT_HEADER_BYTES, end: bytes.length }];
    if (typeof objects !== "string") return objects;
    this.#found("WAL_CORRUPT", found.key, 0, objects);
    return undefined;
  }

  /** Whether an object continues what is before it: in numbers, in time, and by the writer whose term it is. */
  #checkPlace(key: StorageKey, { header, start }: PackedObject): void {
    const { firstSeq, committedAtMs, term, writerId, kind } = header;
    const offset = start - OBJECT_HEADER_BYTES;
    const isFirst = this.#writer === undefined;
    const problem =
      firstSeq !== (this.nextSeq ?? firstSeq)
        ? `record ${firstSeq} stands where record ${this.nextSeq} must be`
        : committedAtMs < this.#committedAtMs
          ? "it is older than the object before it"
          : kind === ObjectKind.commit && !isFirst && (term !== this.#writer?.term || !isSameId(writerId, this.#writer.writerId))
            ? "its writer had been superseded"
            : undefined;
    if (problem !== undefined) this.#found("WAL_CORRUPT", key, offset, problem);
    this.nextSeq = seqAfter(header);
    this.#committedAtMs = committedAtMs;
    this.#writer = { term, writerId };
  }

  #checkBody(key: StorageKey, bytes: Uint8Array, { header, start, end }: PackedObject): boolean {
    const isWhole = isWholeBody(bytes, start, end, header.recordCount);
    const problem = bodyProblem(bytes, start, end, header) ?? (isWhole ? undefined : "the records of a commit do not fill it");
    if (problem !== undefined) this.#found("WAL_CORRUPT", key, start - OBJECT_HEADER_BYTES, problem);
    return problem === undefined;
  }

  /** The first position behind one that is missing where something is. */
  async #nextAfter(position: number): Promise<number> {
    const places: PositionRange[] = [];
    for await (const it of this.#objects.list(position, this.#signal, 1)) places.push({ first: it.position, last: it.position });
    for await (const it of this.#objects.listPacks(position, this.#signal)) {
      places.push(it);
      break;
    }
    return Math.max(position + 1, Math.min(...places.map(({ first }) => first)));
  }

  #queueFrom(position: number): ObjectQueue {
    const history: ObjectHistory = {
      objects: this.#objects,
      index: new PositionIndex(),
      origin: () => this.#origin,
      newest: () => Infinity,
      refreshOrigin: () => Promise.resolve(),
      held: () => undefined,
    };
    return new ObjectQueue(history, position, this.#signal);
  }

  #found(code: VerifyFinding["code"], key: StorageKey, offset: number, reason: string): void {
    this.findings.push({ code, key, offset, reason });
    // What comes next may be sound by itself; it cannot be held against what is damaged or missing.
    if (code === "WAL_SEGMENT_MISSING" || offset === 0) this.nextSeq = undefined;
  }
}
