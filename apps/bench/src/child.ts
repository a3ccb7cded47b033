import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** How a child process ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that runs one of this program's files and reports lines of text through file descriptor 3. */
export interface Child {
  /**
   * Whole lines, as they come. What a dying child wrote without a line end is not delivered: it may be cut short. Of a child that says
   * nothing for too long, iterating throws, after it was killed: this program never waits for ever.
   */
  readonly lines: AsyncIterable<string>;
  /** SIGKILL. */
  kill(): void;
  /** Resolves when the process is gone. */
  ended(): Promise<ChildEnd>;
}

/** Options of {@link startChild}. */
export interface ChildOptions {
  /** How long the child may say nothing. Default two minutes. */
  readonly maxSilenceMs?: number;
}

/** The descriptor that {@link Child.lines} are written to. */
export const REPORT_DESCRIPTOR = 3;

const alive = new Set<ChildProcess>();
let preloads: readonly string[] = [];

/** Every child that is started from now on imports this module before its own file. `undefined`: none any more. */
export function preloadInChildren(module: URL | undefined): void {
  preloads = module === undefined ? [] : ["--import", module.href];
}

/**
 * Starts Node with `file` and `args`. Its standard output and error are this program's standard error.
 *
 * @param file - URL of a compiled JavaScript file.
 */
export function startChild(file: URL, args: readonly string[], options: ChildOptions = {}): Child {
  const child = spawn(process.execPath, [...preloads, fileURLToPath(file), ...args], {
    stdio: ["ignore", process.stderr, process.stderr, "pipe"],
  });
  alive.add(child);
  const end = once(child, "exit").then(
    (): ChildEnd => ({ code: child.exitCode, signal: child.signalCode }),
    (error: unknown) => {
      throw new Error(`The child process could not be started: ${String(error)}`);
    },
  );
  const ended = end.finally(() => alive.delete(child));
  ended.catch(() => undefined); // whoever waits for it gets the error; nobody has to
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  return { lines: unlessSilent(wholeLines(reportsOf(child)), options.maxSilenceMs ?? 120_000, kill), kill, ended: () => ended };
}

/** Runs a file to its end and answers the last line it reported. Fails if it ends with anything but success. */
export async function lastReport(file: URL, args: readonly string[], options: ChildOptions = {}): Promise<string> {
  const child = startChild(file, args, options);
  let last: string | undefined;
  for await (const line of child.lines) last = line;
  const { code, signal } = await child.ended();
  if (code !== 0 || last === undefined) {
    throw new Error(`The child process ended with ${signal ?? `code ${String(code)}`} and ${last === undefined ? "no report" : "a report"}.`);
  }
  return last;
}

/** Kills every child process that is still there: when this program is told to end, or what started it has failed. */
export function killChildren(): void {
  for (const child of alive) child.kill("SIGKILL");
}

/** Splits a stream of bytes into lines; what stands behind the last line end is dropped. */
export async function* wholeLines(chunks: AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function* unlessSilent(lines: AsyncIterable<string>, maxSilenceMs: number, kill: () => void): AsyncGenerator<string, void, undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort();
    kill();
  }, maxSilenceMs);
  try {
    for await (const line of lines) {
      timer.refresh();
      yield line;
    }
  } finally {
    clearTimeout(timer);
  }
  if (silence.signal.aborted) throw new Error(`The child process said nothing for ${maxSilenceMs / 1000} s and was killed.`);
}

function reportsOf(child: ChildProcess): Readable {
  const stream = child.stdio[REPORT_DESCRIPTOR];
  if (stream === null || stream === undefined || !("read" in stream)) throw new Error("The child process has no pipe to report through.");
  return stream.setEncoding("latin1");
}
