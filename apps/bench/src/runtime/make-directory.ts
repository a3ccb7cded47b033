import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { runtimeFile, workerFile, workerIdOf } from "./original-way.js";

/** How large a directory is. */
export interface DirectorySize {
  readonly events: number;
  readonly workers: number;
}

/** Where the runtime `bench` is below a root. */
export function runtimeDirectory(root: string): string {
  return join(root, "runtimes", `id-${Buffer.from("bench").toString("hex")}`);
}

/** Writes a directory as yoi would have: every event is of one of the workers in turn, and its first ten inputs are in its transcript. */
export async function makeDirectory(root: string, { events, workers }: DirectorySize): Promise<void> {
  const directory = runtimeDirectory(root);
  await mkdir(join(directory, "workers"), { recursive: true });
  await writeFile(join(directory, "runtime.json"), runtimeFile(events + 1, workers + 1));
  for (let number = 1; number <= workers; number += 1) await makeWorker(directory, number);
  await pipeline(Readable.from(eventLines(events, workers)), createWriteStream(join(directory, "events.jsonl")));
}

const TURNS = 10;

async function makeWorker(directory: string, number: number): Promise<void> {
  const its = join(directory, "workers", `id-${Buffer.from(workerIdOf(number)).toString("hex")}`);
  await mkdir(its);
  await writeFile(join(its, "worker.json"), workerFile(number, TURNS + 1, number));
  const lines = Array.from({ length: TURNS }, (_, turn) => JSON.stringify({ sequence: turn + 1, worker_ref: refOf(number), role: "user", content: `turn ${turn} of worker ${number}`, event_id: number }));
  await writeFile(join(its, "transcript.jsonl"), `${lines.join("\n")}\n`);
}

/** Many lines to a piece. */
function* eventLines(events: number, workers: number): Generator<string, void, undefined> {
  let piece = "";
  for (let id = 1; id <= events; id += 1) {
    const worker_ref = refOf(1 + (id % workers));
    piece += `${JSON.stringify({ id, worker_ref, kind: { kind: "worker_input_accepted" }, message: "worker input accepted" })}\n`;
    if (piece.length < 2 ** 20) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function refOf(number: number): { readonly runtime_id: string; readonly worker_id: string } {
  return { runtime_id: "bench", worker_id: workerIdOf(number) };
}
