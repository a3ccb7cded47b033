import { joinKey, joinPrefix, storagePrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import { idSegment } from "../format/id-segment.js";

/*
 * The files of a runtime, below its directory:
 *
 *   runtime.json
 *   events.jsonl
 *   workers/id-<hex>/worker.json
 *   workers/id-<hex>/transcript.jsonl
 */

/** The directory of a runtime in a directory of yoi. */
export function runtimePrefix(runtimeId: string): StoragePrefix {
  return storagePrefix(`runtimes/${idSegment(runtimeId)}`);
}

/** Where the runtime itself is. @param prefix - As {@link runtimePrefix} answers it. */
export function runtimeFileKey(prefix: StoragePrefix): StorageKey {
  return joinKey(prefix, "runtime.json");
}

/** Where the events are. @param prefix - As {@link runtimePrefix} answers it. */
export function eventsKey(prefix: StoragePrefix): StorageKey {
  return joinKey(prefix, "events.jsonl");
}

/** What holds the directories of all workers. @param prefix - As {@link runtimePrefix} answers it. */
export function workersPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, "workers");
}

/** @param workerId - An id that `whyNotId` finds nothing wrong with. */
export function workerPrefix(prefix: StoragePrefix, workerId: string): StoragePrefix {
  return joinPrefix(prefix, `workers/${idSegment(workerId)}`);
}

/** Where a worker itself is. @param directory - As {@link workerPrefix} answers it. */
export function workerFileKey(directory: StoragePrefix): StorageKey {
  return joinKey(directory, "worker.json");
}

/** Where the transcript of a worker is. @param directory - As {@link workerPrefix} answers it. */
export function transcriptKey(directory: StoragePrefix): StorageKey {
  return joinKey(directory, "transcript.jsonl");
}
