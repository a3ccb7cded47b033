import type { StorageBackend, StoragePrefix } from "@holdfast/storage";
import { idOfSegment, idSegment, whyNotId } from "../format/id-segment.js";
import type { WorkerRecord } from "../format/model.js";
import { readWorkerFile } from "../format/worker-file.js";
import { markOf, type FileMark } from "./file-mark.js";
import { corruptMessage, missingMessage, type RuntimeFinding } from "./finding.js";
import { transcriptKey, workerFileKey } from "./layout.js";
import { scanTranscript, type TranscriptScan } from "./scan-transcript.js";

/** How a directory of workers is read. */
export interface ReadWorkerOptions {
  readonly storage: StorageBackend;
  readonly runtimeId: string;
  readonly maxLineBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** A directory of a worker: one that can be used, or why not. */
export type ReadWorker =
  | { readonly worker: UsableWorker; readonly findings: readonly RuntimeFinding[] }
  | {
      readonly worker?: undefined;
      readonly why: RuntimeFinding;
      readonly findings: readonly RuntimeFinding[];
      /** The id that its name stands for; `undefined` if it stands for none. */
      readonly directoryId: string | undefined;
      /** The id in its file, if that can be read. */
      readonly foundId: string | undefined;
    };

/** A worker whose `worker.json` is good. */
export interface UsableWorker {
  readonly record: WorkerRecord;
  readonly mark: FileMark;
  readonly transcript: TranscriptScan;
}

/** Reads `worker.json`, and its transcript once. @param name - Of the directory. */
export async function readWorker(directory: StoragePrefix, name: string, options: ReadWorkerOptions): Promise<ReadWorker> {
  const { storage, runtimeId, signal } = options;
  const key = workerFileKey(directory);
  const directoryId = idOfSegment(name);
  const ignored = (message: string, foundId?: string, offset?: number): ReadWorker => {
    const why: RuntimeFinding = { code: "worker_ignored", message, key, offset, workerId: foundId ?? directoryId };
    return { directoryId, foundId, why, findings: [why] };
  };
  const bytes = await storage.read(key, { signal });
  if (bytes === undefined) return ignored(missingMessage("read worker snapshot", key));
  const { value: record, fault } = readWorkerFile(bytes, runtimeId);
  if (fault !== undefined) return ignored(corruptMessage("read worker snapshot", key, fault.message), undefined, fault.offset);
  const { workerId } = record.workerRef;
  const why = whyNotId(workerId);
  if (why !== undefined) return ignored(corruptMessage("read worker snapshot", key, why));
  if (idSegment(workerId) !== name) return ignored(`directory ${name} does not match ${workerId}`, workerId);
  const transcript = await scanTranscript({ ...options, key: transcriptKey(directory) }, record.workerRef);
  return { worker: { record, mark: markOf(bytes), transcript }, findings: transcript.findings };
}
