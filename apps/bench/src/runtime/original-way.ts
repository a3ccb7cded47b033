import { mkdir, open, readdir, readFile, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { SyncCounter } from "./sync-counter.js";

/** A line of either file, as far as it is looked at. */
interface ParsedLine {
  readonly id?: number;
}

interface Worker {
  readonly directory: string;
  nextSequence: number;
  lastEventId: number;
}

/**
 * A runtime store as yoi wrote it in June 2026: an input rewrites runtime.json and worker.json, each by a synced file and a rename that the directory
 * is synced for, and appends a synced line to the events and one to the transcript; a query reads the whole file again. One mutation at a time.
 * Written after a description of what that does on a disk; it makes six syncs for an input, where yoi makes seven.
 */
export class OriginalWay {
  readonly #directory: string;
  readonly #syncs: SyncCounter;
  readonly #workers: Worker[] = [];
  #nextEventId = 1;
  #last: Promise<unknown> = Promise.resolve();

  /** @param directory - Of the runtime. */
  constructor(directory: string, syncs: SyncCounter) {
    this.#directory = directory;
    this.#syncs = syncs;
  }

  async createWorkers(count: number): Promise<void> {
    await mkdir(join(this.#directory, "workers"), { recursive: true });
    for (let number = 1; number <= count; number += 1) {
      const directory = join(this.#directory, "workers", `id-${Buffer.from(workerIdOf(number)).toString("hex")}`);
      await mkdir(directory);
      this.#workers.push({ directory, nextSequence: 1, lastEventId: 0 });
    }
  }

  /** Durable once resolved. */
  sendInput(worker: number, content: string): Promise<void> {
    const run = this.#last.then(() => this.#sendInput(worker, content));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #sendInput(number: number, content: string): Promise<void> {
    const worker = this.#workers[number - 1];
    if (worker === undefined) throw new Error(`There is no worker ${number}.`);
    const id = this.#nextEventId++;
    const sequence = worker.nextSequence++;
    worker.lastEventId = id;
    const ref = { runtime_id: "bench", worker_id: workerIdOf(number) };
    await this.#rewrite(join(this.#directory, "runtime.json"), runtimeFile(this.#nextEventId));
    await this.#rewrite(join(worker.directory, "worker.json"), workerFile(number, worker.nextSequence, id));
    await this.#append(join(this.#directory, "events.jsonl"), { id, worker_ref: ref, kind: { kind: "worker_input_accepted" }, message: "worker input accepted" });
    await this.#append(join(worker.directory, "transcript.jsonl"), { sequence, worker_ref: ref, role: "user", content, event_id: id });
  }

  async #rewrite(path: string, content: string): Promise<void> {
    const temporary = `${path}.tmp`;
    await this.#synced(temporary, "w", content);
    await rename(temporary, path);
    const directory = await open(dirname(path));
    await this.#sync(directory);
    await directory.close();
  }

  async #append(path: string, line: object): Promise<void> {
    await this.#synced(path, "a", `${JSON.stringify(line)}\n`);
  }

  async #synced(path: string, flags: string, content: string): Promise<void> {
    const file = await open(path, flags);
    await file.write(content);
    await this.#sync(file);
    await file.close();
  }

  async #sync(file: FileHandle): Promise<void> {
    await file.sync();
    this.#syncs.count += 1;
  }
}

/** A page of events: reads the whole file, parses every line, and keeps what is asked for. */
export async function readOriginalEvents(directory: string, cursor: number, limit: number): Promise<readonly ParsedLine[]> {
  const events = linesOf(await readFile(join(directory, "events.jsonl")));
  return events.filter(({ id = 0 }) => id >= cursor).slice(0, limit);
}

/** Opens a runtime: reads and parses all of its files. Answers how many lines they have. */
export async function loadOriginal(directory: string): Promise<number> {
  JSON.parse(await readFile(join(directory, "runtime.json"), "utf8"));
  let lines = linesOf(await readFile(join(directory, "events.jsonl"))).length;
  for (const name of (await readdir(join(directory, "workers"))).sort()) {
    JSON.parse(await readFile(join(directory, "workers", name, "worker.json"), "utf8"));
    lines += linesOf(await readFile(join(directory, "workers", name, "transcript.jsonl"))).length;
  }
  return lines;
}

/** The id of a worker by its number, from 1. */
export function workerIdOf(number: number): string {
  return `worker-${number.toString(16).padStart(8, "0")}`;
}

/** runtime.json of a runtime that is called `bench`. */
export function runtimeFile(nextEventId: number, nextWorkerSequence = 9): string {
  const limits = { max_transcript_projection_items: 256, max_event_batch_items: 256 };
  return indented({ schema_version: 1, runtime_id: "bench", display_name: null, backend: "fs_store", status: "running", limits, next_worker_sequence: nextWorkerSequence, next_event_id: nextEventId, next_diagnostic_id: 1, diagnostics: [] });
}

/** worker.json of one of its workers. */
export function workerFile(number: number, nextSequence: number, lastEventId: number): string {
  const worker_id = workerIdOf(number);
  const request = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } };
  return indented({ schema_version: 1, worker_ref: { runtime_id: "bench", worker_id }, worker_id, status: "running", request, next_transcript_sequence: nextSequence, last_event_id: lastEventId });
}

function indented(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** A file may be longer than a text can be, so each line is a text of its own. */
function linesOf(bytes: Buffer): readonly ParsedLine[] {
  const lines: ParsedLine[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    lines.push(JSON.parse(bytes.toString("utf8", at, end)) as ParsedLine);
    at = end + 1;
  }
  return lines;
}
