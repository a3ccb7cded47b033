import { fork } from "node:child_process";
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { Worker } from "node:worker_threads";
import { CLEANUP_TIMEOUT_MS, within } from "./case.js";
import type { ConformanceContext, OtherProcess } from "./case.js";
import type { JobRunner } from "./jobs.js";
import type { JobAnswer, JobRequest } from "./process.js";

/** Where a contestant runs that is not here. */
export type ElsewhereKind = "process" | "thread";

/** A child process or a worker thread with a handle of its own on the contents of the case. */
export interface Elsewhere {
  readonly run: JobRunner;
  /** Ends it without a chance to close anything: SIGKILL for a process. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts a contestant elsewhere and waits until its handle is open. It is stopped after the case. */
export async function startElsewhere(context: ConformanceContext, kind: ElsewhereKind): Promise<Elsewhere> {
  if (context.otherProcess === undefined) throw new Error("the backend cannot be opened elsewhere");
  const peer = kind === "process" ? forked(context.otherProcess) : threaded(context.otherProcess);
  const waiting = new Map<number, { resolve(numbers: readonly number[]): void; reject(error: Error): void }>();
  let ended: string | undefined;
  let lastId = -1;
  const wait = (): Promise<readonly number[]> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      if (ended === undefined) waiting.set(lastId, { resolve, reject });
      else reject(new Error(`the ${kind} has ended: ${ended}`));
    });
  peer.onAnswer((answer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("failed" in answer) caller?.reject(new Error(`in another ${kind}: ${answer.failed}`));
    else caller?.resolve(answer.numbers);
  });
  const gone = peer.ended.then((why) => {
    ended = why;
    for (const caller of waiting.values()) caller.reject(new Error(`the ${kind} has ended: ${why}`));
  });
  const elsewhere: Elsewhere = {
    async run(job) {
      const answered = wait();
      if (ended === undefined) peer.send({ id: lastId, job });
      return answered;
    },
    async kill() {
      await peer.kill();
      await gone;
    },
  };
  context.defer(async () => {
    try {
      if (ended === undefined) await within(CLEANUP_TIMEOUT_MS / 2, `closing in another ${kind}`, elsewhere.run({ kind: "close" }));
    } finally {
      await elsewhere.kill();
    }
  });
  // The first answer says that the handle is open.
  await wait();
  return elsewhere;
}

interface Peer {
  send(request: JobRequest): void;
  onAnswer(listener: (answer: JobAnswer) => void): void;
  /** Resolves when it is gone, with what is known about why. */
  readonly ended: Promise<string>;
  kill(): Promise<void>;
}

/** The compiled entry, also where this file itself is run from its source. */
const ENTRY = createRequire(import.meta.url).resolve("@holdfast/storage-conformance/process");

function forked({ module, argument }: OtherProcess): Peer {
  const child = fork(ENTRY, [module.href, argument], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const complaint = tailOf(child.stderr);
  return {
    send(request) {
      child.send(request);
    },
    onAnswer(listener) {
      child.on("message", listener);
    },
    ended: new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        resolve(`${signal ?? `exit code ${String(code)}`} ${complaint()}`);
      });
      child.on("error", (error) => {
        resolve(error.message);
      });
    }),
    kill() {
      child.kill("SIGKILL");
      return Promise.resolve();
    },
  };
}

function threaded({ module, argument }: OtherProcess): Peer {
  const worker = new Worker(ENTRY, { argv: [module.href, argument], execArgv: [], stdout: true, stderr: true });
  const complaint = tailOf(worker.stderr);
  let failure = "";
  return {
    send(request) {
      worker.postMessage(request);
    },
    onAnswer(listener) {
      worker.on("message", listener);
    },
    ended: new Promise((resolve) => {
      worker.on("error", (error) => {
        failure = String(error);
      });
      worker.on("exit", (code) => {
        resolve(`exit code ${code} ${failure} ${complaint()}`);
      });
    }),
    async kill() {
      await worker.terminate();
    },
  };
}

/** The last 2,000 characters of what comes out of a stream, for messages. */
function tailOf(stream: Readable | null): () => string {
  let tail = "";
  stream?.on("data", (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-2_000);
  });
  return () => tail;
}
