import { hasCode, type AppendableStorage, type StorageBackend } from "@holdfast/storage";
import { RuntimeError } from "../errors.js";
import type { DirectoryAccess } from "./directory-access.js";
import { inspectStep } from "./inspect-projection.js";
import type { KnownFiles } from "./known-files.js";
import type { FileStep, ProjectionBatch } from "./prepare-projection.js";

/** Where {@link applyProjection} writes. */
export interface ApplyProjectionOptions {
  readonly storage: StorageBackend;
  /** Where the storage is a local directory: without it, an empty directory is left of a worker that is removed, which yoi refuses. */
  readonly directories?: DirectoryAccess | undefined;
  /** Gets the stamps of the files as they are written. */
  readonly known?: KnownFiles | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a batch, one file after the other, each durable before the next. It may be called again after any failure or crash, and then does
 * what is left. Before it cuts anything off it makes sure that nobody else wrote it.
 *
 * @throws RUNTIME_DIVERGED if a file is neither as it was before the batch nor what an interruption of it left, as far as its size tells;
 * nothing is changed in it. RUNTIME_INVALID_ARGUMENT on a storage whose objects do not grow. Errors of the storage, such as STORAGE_FULL.
 */
export async function applyProjection(batch: ProjectionBatch, options: ApplyProjectionOptions): Promise<void> {
  const { storage, directories, known, signal } = options;
  const { appendable } = storage;
  if (appendable === undefined) throw new RuntimeError("RUNTIME_INVALID_ARGUMENT", `the files of a runtime cannot be written to ${storage.name}, where objects do not grow`, { operation: "project", outcome: "not_applied" });
  for (const step of batch.steps) {
    signal?.throwIfAborted();
    if (step.kind === "replace") await replace(step, storage, signal);
    else if (step.kind === "remove") await storage.remove([step.key], { signal });
    else await append(step, storage, appendable, signal);
    await known?.take([step.key]);
  }
  for (const directory of batch.emptied) await directories?.removeEmpty(directory);
}

/** A file of another size than expected is somebody else's; one that is not expected at all is never overwritten. */
async function replace(step: FileStep & { readonly kind: "replace" }, storage: StorageBackend, signal: AbortSignal | undefined): Promise<void> {
  const { key, bytes, before, after } = step;
  const entry = await storage.stat(key, { signal });
  const isExpected = entry === undefined || entry.size === before?.bytes || entry.size === after.bytes;
  if (!isExpected || (entry !== undefined && before === undefined)) await requireOurs(step, storage, signal);
  await storage.replace(key, bytes, { signal });
}

/** What was appended before is appended again: that it can be read does not mean that it is durable. */
async function append(step: FileStep & { readonly kind: "append" }, storage: StorageBackend, appendable: AppendableStorage, signal: AbortSignal | undefined): Promise<void> {
  const start = step.before?.bytes ?? 0;
  const file = await openOrCreate(step, appendable);
  try {
    if (file.size !== start) {
      await requireOurs(step, storage, signal);
      await file.truncate(start);
    }
    await file.append(step.bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function requireOurs(step: FileStep, storage: StorageBackend, signal: AbortSignal | undefined): Promise<void> {
  if ((await inspectStep(storage, step, signal)) !== "changed") return;
  throw new RuntimeError("RUNTIME_DIVERGED", `${step.key} was changed by somebody else`, { operation: "project", key: step.key, outcome: "not_applied" });
}

async function openOrCreate({ key }: FileStep, appendable: AppendableStorage): ReturnType<AppendableStorage["open"]> {
  try {
    return await appendable.open(key, { mode: "continue", sync: "manual" });
  } catch (error) {
    if (!hasCode(error, "STORAGE_NOT_FOUND")) throw error;
    return appendable.open(key, { mode: "create", sync: "manual" });
  }
}
