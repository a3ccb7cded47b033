import type { Log } from "@holdfast/wal";
import { Worker } from "node:worker_threads";
import { SnapshotError } from "./errors.js";
import { packRecords, type ReplayAnswer, type ReplayQuestion, type ReplayStart } from "./replay-messages.js";
import type { SnapshotContent } from "./snapshot-body.js";
import type { SnapshotStore } from "./snapshot-store.js";
import type { ReplayModule } from "./state-types.js";

/** What a snapshot is built from in a worker. */
export interface ReplaySource {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly replay: ReplayModule;
  readonly version: number;
}

/**
 * The content of a snapshot of `seq`, built in a worker thread from the newest readable snapshot and the log's records behind it. The
 * worker lives as long as the content is read.
 *
 * @throws (while it is read) SNAPSHOT_WORKER_FAILED, SNAPSHOT_GAP, or what log and storage say.
 */
export function replayContent(source: ReplaySource, seq: number): SnapshotContent {
  return { open: () => built(source, seq) };
}

async function* built(source: ReplaySource, seq: number): AsyncGenerator<Uint8Array, void, undefined> {
  const { replay, version } = source;
  const worker = new ReplayWorker({ module: String(replay.module), name: replay.name ?? "definition", version });
  try {
    const fromSeq = await sendBase(worker, source);
    await sendEvents(worker, source, fromSeq, seq);
    for (let answer = await worker.ask({ kind: "next" }); answer.kind === "piece"; answer = await worker.ask({ kind: "next" })) yield answer.bytes;
  } finally {
    await worker.end();
  }
}

/** Answers the sequence number of what the worker begins with. */
async function sendBase(worker: ReplayWorker, { snapshots }: ReplaySource): Promise<number> {
  const { found } = await snapshots.newest(async ({ info, body }) => {
    await worker.ask({ kind: "state", version: info.version, seq: info.seq });
    for await (const piece of body) {
      const bytes = piece.slice();
      await worker.ask({ kind: "piece", bytes }, bytes.buffer);
    }
  });
  await worker.ask(found === undefined ? { kind: "initial" } : { kind: "state-end" });
  return found?.info.seq ?? 0;
}

async function sendEvents(worker: ReplayWorker, { log }: ReplaySource, fromSeq: number, toSeq: number): Promise<void> {
  if (log.firstSeq > fromSeq + 1) {
    const message = `the newest readable snapshot ends with ${fromSeq}, and the log begins with ${log.firstSeq}: there is nothing to build the next one from`;
    throw new SnapshotError("SNAPSHOT_GAP", message, { operation: "snapshot", outcome: "not_applied", seq: fromSeq });
  }
  if (fromSeq >= toSeq) return;
  for await (const { firstSeq, values } of log.readBatches({ from: fromSeq + 1, to: toSeq })) {
    const bytes = packRecords(values);
    await worker.ask({ kind: "events", firstSeq, bytes }, bytes.buffer);
  }
}

/** The worker, as one that answers questions. */
class ReplayWorker {
  readonly #worker: Worker;
  #waiting: { resolve(answer: ReplayAnswer): void; reject(error: Error): void } | undefined;
  #failure: SnapshotError | undefined;

  constructor(start: ReplayStart) {
    this.#worker = new Worker(new URL("./replay-worker.js", import.meta.url), { workerData: start });
    this.#worker.on("message", (answer: ReplayAnswer) => {
      if (answer.kind === "failed") this.#fail(answer.message);
      else this.#waiting?.resolve(answer);
    });
    this.#worker.on("error", (error) => {
      this.#fail(error instanceof Error ? error.message : String(error), error);
    });
    this.#worker.on("exit", (code) => {
      this.#fail(`it ended by itself, with exit code ${code}`);
    });
  }

  /** @param transfer - What is given away with the question. */
  async ask(question: ReplayQuestion, transfer?: ArrayBuffer): Promise<ReplayAnswer> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(question, transfer === undefined ? [] : [transfer]);
    });
  }

  async end(): Promise<void> {
    this.#worker.removeAllListeners("exit");
    await this.#worker.terminate();
  }

  #fail(reason: string, cause?: unknown): void {
    const message = `the worker that builds the snapshot failed: ${reason}`;
    this.#failure ??= new SnapshotError("SNAPSHOT_WORKER_FAILED", message, { operation: "snapshot", outcome: "not_applied", cause });
    this.#waiting?.reject(this.#failure);
  }
}
