import type { TranscriptRecord, WorkerRef } from "../format/model.js";
import { readTranscriptEntry, TRANSCRIPT_START } from "../format/transcript-line.js";
import type { LineFormat } from "../format/values-of-line.js";
import { corruptMessage, FindingList, type RuntimeFinding } from "./finding.js";
import { readLines, type FoundValue, type LineSource } from "./read-lines.js";
import type { FoundTail } from "./repair-tails.js";

/** What a transcript has, without its entries. */
export interface TranscriptScan {
  /** `undefined` if there is no such file. */
  readonly tail: FoundTail | undefined;
  /** Of this worker; so are the numbers below. */
  readonly count: number;
  /** 0 without entries. */
  readonly largestSequence: bigint;
  /** 0 without entries. */
  readonly largestEventId: bigint;
  readonly findings: readonly RuntimeFinding[];
  /** The first entry that is another's: the transcript then cannot be used. */
  readonly foreign: RuntimeFinding | undefined;
}

/** Reads all entries once, and says what is wrong with their lines. */
export async function scanTranscript(source: LineSource, worker: WorkerRef): Promise<TranscriptScan> {
  const { key } = source;
  const { workerId } = worker;
  const findings = new FindingList();
  let foreign: RuntimeFinding | undefined;
  let [largestSequence, largestEventId, count] = [0n, 0n, 0];
  let tail: FoundTail | undefined;
  for await (const batch of readLines(source, transcriptFormat)) {
    for (const fault of batch.faults) findings.add({ ...fault, key, workerId });
    for (const found of batch.values) {
      const why = whyForeign(found, source, worker);
      foreign ??= why;
      if (why !== undefined) continue;
      count += 1;
      if (found.value.sequence > largestSequence) largestSequence = found.value.sequence;
      if (found.value.eventId > largestEventId) largestEventId = found.value.eventId;
    }
    tail = batch.tail ?? tail;
  }
  if (foreign !== undefined) findings.add(foreign);
  return { tail, count, largestSequence, largestEventId, findings: findings.all(), foreign };
}

/** The entries of a transcript, in the order of the file. */
export async function* transcriptEntries(source: LineSource): AsyncGenerator<TranscriptRecord, void, undefined> {
  for await (const { values } of readLines(source, transcriptFormat)) {
    for (const { value } of values) yield value;
  }
}

const transcriptFormat: LineFormat<TranscriptRecord> = { start: TRANSCRIPT_START, read: readTranscriptEntry };

function whyForeign({ value, line, offset }: FoundValue<TranscriptRecord>, { key }: LineSource, worker: WorkerRef): RuntimeFinding | undefined {
  const ref = value.workerRef;
  const place = { key, line, offset, workerId: worker.workerId };
  if (ref.runtimeId !== worker.runtimeId) {
    return { ...place, code: "transcript_wrong_runtime", message: `worker ${ref.workerId} belongs to runtime ${ref.runtimeId}, not runtime ${worker.runtimeId}` };
  }
  if (ref.workerId === worker.workerId) return undefined;
  return { ...place, code: "transcript_wrong_worker", message: corruptMessage("read transcript", key, `transcript entry belongs to worker ${ref.workerId}, expected ${worker.workerId}`) };
}
