import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageBody, StorageKey, StoragePrefix } from "@holdfast/storage";
import { writeEventLine } from "../format/event-line.js";
import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord } from "../format/model.js";
import { writeRuntimeFile } from "../format/runtime-file.js";
import { writeTranscriptLine } from "../format/transcript-line.js";
import { writeWorkerFile } from "../format/worker-file.js";
import { markOf, type FileMark, type FileMarks } from "./file-mark.js";
import { eventsKey, runtimeFileKey, transcriptKey, workerFileKey, workerPrefix } from "./layout.js";

/** A whole runtime. What is iterable is iterated anew each time it is asked for. */
export interface RuntimeContent {
  readonly runtime: RuntimeRecord;
  readonly workers: readonly WorkerRecord[];
  readonly events: () => AsyncIterable<EventRecord>;
  readonly transcript: (workerId: string) => AsyncIterable<TranscriptRecord>;
}

/** Where {@link writeRuntimeFiles} writes. */
export interface WriteRuntimeFilesOptions {
  readonly storage: StorageBackend;
  readonly prefix: StoragePrefix;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes all files of a runtime anew, each whole or not at all, on any backend: for an export, and where the files are to become what the
 * journal says. In memory for a piece of a file.
 *
 * @returns Their marks.
 * @throws Errors of the storage.
 */
export async function writeRuntimeFiles(content: RuntimeContent, options: WriteRuntimeFilesOptions): Promise<FileMarks> {
  const { storage, prefix, signal } = options;
  const marks = new Map<StorageKey, FileMark>();
  const write = async (key: StorageKey, bytes: Uint8Array): Promise<void> => {
    await storage.replace(key, bytes, { signal });
    marks.set(key, markOf(bytes));
  };
  await write(runtimeFileKey(prefix), writeRuntimeFile(content.runtime));
  for (const worker of content.workers) {
    const { workerId } = worker.workerRef;
    const directory = workerPrefix(prefix, workerId);
    await write(workerFileKey(directory), writeWorkerFile(worker));
    marks.set(transcriptKey(directory), await writeLines(storage, transcriptKey(directory), () => content.transcript(workerId), writeTranscriptLine, signal));
  }
  marks.set(eventsKey(prefix), await writeEvents(content.events, options));
  return marks;
}

/** Writes `events.jsonl` anew, for when old events were trimmed. Answers its mark. */
export async function writeEvents(events: () => AsyncIterable<EventRecord>, { storage, prefix, signal }: WriteRuntimeFilesOptions): Promise<FileMark> {
  return writeLines(storage, eventsKey(prefix), events, writeEventLine, signal);
}

async function writeLines<T>(storage: StorageBackend, key: StorageKey, records: () => AsyncIterable<T>, render: (record: T) => Uint8Array, signal: AbortSignal | undefined): Promise<FileMark> {
  let mark = markOf(new Uint8Array(0));
  const body: StorageBody = {
    async *open() {
      let [bytes, checksum] = [0, 0];
      for await (const piece of inPieces(records(), render)) {
        checksum = crc32c(piece, checksum);
        bytes += piece.length;
        yield piece;
      }
      mark = { bytes, crc32c: checksum };
    },
  };
  await storage.replace(key, body, { signal });
  return mark;
}

/** Lines, many to a piece. */
async function* inPieces<T>(records: AsyncIterable<T>, render: (record: T) => Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  let lines: Uint8Array[] = [];
  let length = 0;
  for await (const record of records) {
    const line = render(record);
    lines.push(line);
    length += line.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.concat(lines);
    lines = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(lines);
}

const PIECE_BYTES = 64 * 1024;
