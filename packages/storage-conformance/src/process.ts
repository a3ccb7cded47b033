/**
 * Entry point of a child process or a worker thread of the suite: opens the contents of the case with the implementer's module
 * and does jobs there. Arguments: the module's URL, and what its `open` gets. Ends when its parent is gone.
 */
import { parentPort } from "node:worker_threads";
import type { StorageBackend } from "@holdfast/storage";
import type { OpenInOtherProcess } from "./case.js";
import { jobRunner } from "./jobs.js";
import type { Job } from "./jobs.js";

/** What the parent sends. `id` comes back with the answer. */
export interface JobRequest {
  readonly id: number;
  readonly job: Job;
}

/** What comes back: numbers, or the text of an error. The first answer has the id 0 and says that the backend is open. */
export type JobAnswer = { readonly id: number; readonly numbers: readonly number[] } | { readonly id: number; readonly failed: string };

const [moduleUrl = "", argument = ""] = process.argv.slice(2);

await answer(0, async () => {
  const run = jobRunner(await openBackend());
  listen((request) => {
    void answer(request.id, () => run(request.job));
  });
  return [];
});

async function openBackend(): Promise<StorageBackend> {
  const module: unknown = await import(moduleUrl);
  if (!isOpener(module)) throw new TypeError("the module of otherProcess exports no function open(argument)");
  return module.open(argument);
}

function isOpener(module: unknown): module is { readonly open: OpenInOtherProcess } {
  return typeof module === "object" && module !== null && "open" in module && typeof module.open === "function";
}

async function answer(id: number, work: () => Promise<readonly number[]>): Promise<void> {
  let message: JobAnswer;
  try {
    message = { id, numbers: await work() };
  } catch (error) {
    message = { id, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  if (parentPort === null) process.send?.(message);
  else parentPort.postMessage(message);
}

function listen(onRequest: (request: JobRequest) => void): void {
  if (parentPort !== null) {
    parentPort.on("message", onRequest);
    return;
  }
  process.on("message", onRequest);
  process.on("disconnect", () => process.exit());
}
