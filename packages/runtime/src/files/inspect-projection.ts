import type { JsonReader } from "@holdfast/bytes/json";
import type { StorageBackend, StorageEntry, StorageKey, StoragePrefix } from "@holdfast/storage";
import { hasBytesOf, type FileMark, type FileMarks } from "./file-mark.js";
import { valuesOfLine } from "../format/values-of-line.js";
import { eventsKey, runtimeFileKey, workersPrefix } from "./layout.js";
import type { KnownFiles } from "./known-files.js";
import { LineSplitter } from "./line-splitter.js";
import type { FileStep, ProjectionBatch } from "./prepare-projection.js";

/** How a file stands to a step on it. */
export type StepState =
  /** As it was before the step. */
  | "before"
  /** A part of the step was written, or what a crash left of it. */
  | "during"
  /** As it is after the step. */
  | "after"
  /** Somebody else wrote it. */
  | "changed";

/** Looks how a file stands to a step. Reads the whole file, in bounded memory. */
export async function inspectStep(storage: StorageBackend, step: FileStep, signal?: AbortSignal): Promise<StepState> {
  const { key, before, after } = step;
  const entry = await storage.stat(key, { signal });
  if (entry === undefined) return after === undefined ? "after" : before === undefined ? "before" : "changed";
  if (await isUnchanged(storage, entry, after)) return "after";
  if (await isUnchanged(storage, entry, before)) return "before";
  return step.kind === "append" && (await isPartOf(storage, step, entry.size)) ? "during" : "changed";
}

/** How {@link changedFiles} looks. */
export interface ChangedFilesOptions {
  /** Tells at once that nobody touched the files since they were last compared or written; and takes their stamps, if it cannot. */
  readonly known?: KnownFiles | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files that differ from their marks, that are missing, or that have none. Reads them, some at a time, in bounded memory. */
export async function changedFiles(storage: StorageBackend, prefix: StoragePrefix, marks: FileMarks, { known, signal }: ChangedFilesOptions = {}): Promise<readonly StorageKey[]> {
  if (known !== undefined && (await known.areUntouched(prefix, marks))) return [];
  await known?.takeAll(prefix, marks);
  const changed: StorageKey[] = [];
  const missing = new Set(marks.keys());
  const check = async (entries: readonly StorageEntry[]): Promise<void> => {
    const unchanged = await Promise.all(entries.map((entry) => isUnchanged(storage, entry, marks.get(entry.key))));
    changed.push(...entries.flatMap(({ key }, index) => (unchanged[index] === true ? [] : [key])));
  };
  let some: StorageEntry[] = [];
  for await (const entry of projectedFiles(storage, prefix, signal)) {
    missing.delete(entry.key);
    some.push(entry);
    if (some.length < AT_A_TIME) continue;
    await check(some);
    some = [];
  }
  await check(some);
  return [...changed, ...missing];
}

/**
 * Files that neither are as they were before a batch nor can be what an interruption of it left: the ones that somebody else changed. None
 * means that the batch can be applied, as if it had never been begun.
 */
export async function foreignChanges(storage: StorageBackend, prefix: StoragePrefix, batch: ProjectionBatch, signal?: AbortSignal): Promise<readonly StorageKey[]> {
  const steps = new Map(batch.steps.map((step) => [step.key, step]));
  const changed: StorageKey[] = [];
  for (const key of await changedFiles(storage, prefix, batch.before, { signal })) {
    const step = steps.get(key);
    if (step === undefined || (await inspectStep(storage, step, signal)) === "changed") changed.push(key);
  }
  return changed;
}

const AT_A_TIME = 16;

/** The four kinds of files, wherever they are: the directory may have others, of other programs and of this package. */
async function* projectedFiles(storage: StorageBackend, prefix: StoragePrefix, signal: AbortSignal | undefined): AsyncGenerator<StorageEntry, void, undefined> {
  for (const key of [runtimeFileKey(prefix), eventsKey(prefix)]) {
    const entry = await storage.stat(key, { signal });
    if (entry !== undefined) yield entry;
  }
  for await (const entry of storage.list(workersPrefix(prefix), { signal })) {
    if (/\/(?:worker\.json|transcript\.jsonl)$/.test(entry.key)) yield entry;
  }
}

async function isUnchanged(storage: StorageBackend, { key, size }: StorageEntry, mark: FileMark | undefined): Promise<boolean> {
  return mark?.bytes === size && hasBytesOf(storage, key, mark);
}

/**
 * Whether what stands behind the file as it was can be what a crash left of the append: no more than that, and no whole line of anybody
 * else. What was not durable may be anything after a power failure, on some file systems also bytes that nobody wrote.
 */
async function isPartOf(storage: StorageBackend, { key, before, bytes, start: begin }: FileStep & { readonly kind: "append" }, size: number): Promise<boolean> {
  const start = before?.bytes ?? 0;
  if (size < start || size > start + bytes.length) return false;
  if (before !== undefined && !(await hasBytesOf(storage, key, before))) return false;
  const found = await storage.read(key, { range: { offset: start, length: size - start } });
  return found !== undefined && wholeObjects(found, begin).every((it) => Buffer.from(bytes).includes(Buffer.from(it)));
}

/** The JSON objects in these bytes that begin so. */
function wholeObjects(bytes: Uint8Array, start: string): readonly Uint8Array[] {
  const splitter = new LineSplitter(bytes.length);
  const read = (reader: JsonReader): void => {
    reader.skip();
  };
  return [...splitter.push(bytes), splitter.rest()].flatMap(({ bytes: line = new Uint8Array(0) }) => valuesOfLine(line, { start, read }, true).values.map((it) => line.subarray(it.start, it.end)));
}
