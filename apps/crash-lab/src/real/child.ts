import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** How a child process ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that reports lines of text through {@link REPORT_DESCRIPTOR}. */
export interface Child {
  readonly pid: number;
  /** Calls `take` with each whole line as it comes. What a dying child wrote without a line end is dropped: it may be cut short. */
  onLine(take: (line: string) => void): void;
  /** Resolves when a line for which `isIt` holds has come, or the child is gone. Answers whether it came. */
  hasSaid(isIt: (line: string) => boolean): Promise<boolean>;
  signal(signal: NodeJS.Signals): void;
  /** Writes to the child's standard input and ends it. */
  tell(text: string): void;
  /** Resolves when the process is gone and everything it reported was taken. */
  ended(): Promise<ChildEnd>;
}

/** Options of {@link startChild}. */
export interface ChildOptions {
  readonly args?: readonly string[];
  /** A command that starts Node, with its arguments: `["sh", "-c", "ulimit -n 25; exec \"$@\"", "sh"]`. Default: none. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** An open descriptor that becomes the child's report descriptor. Default: a pipe whose lines are taken here. */
  readonly reportTo?: number;
}

/** The descriptor that children write their reports to. */
export const REPORT_DESCRIPTOR = 3;

const alive = new Set<ChildProcess>();

/**
 * Starts Node with a compiled file of this program. Standard error is this program's.
 *
 * @param file - Its URL.
 */
export function startChild(file: URL, options: ChildOptions = {}): Child {
  const [command = process.execPath, ...args] = [...(options.through ?? []), process.execPath, fileURLToPath(file), ...(options.args ?? [])];
  const child = spawn(command, args, {
    stdio: ["pipe", "ignore", "inherit", options.reportTo ?? "pipe"],
    env: { ...process.env, ...options.env },
  });
  alive.add(child);
  child.stdin?.on("error", () => undefined); // it may be gone before it reads: its end says so
  const listeners = new Set<(line: string) => void>();
  const reports = reportsOf(child);
  const closed = reports === undefined ? Promise.resolve() : takeLines(reports, (line) => { for (const take of listeners) take(line); });
  const exit = once(child, "exit").then(
    (): ChildEnd => ({ code: child.exitCode, signal: child.signalCode }),
    (error: unknown) => {
      throw new Error(`The child process could not be started: ${String(error)}`);
    },
  );
  const ended = Promise.all([exit, closed])
    .then(([end]) => end)
    .finally(() => alive.delete(child));
  ended.catch(() => undefined); // whoever waits for it gets the error; nobody has to
  return {
    pid: child.pid ?? 0,
    onLine: (take) => listeners.add(take),
    hasSaid: (isIt) =>
      new Promise((resolve, reject) => {
        const take = (line: string): void => {
          if (isIt(line)) settle(true);
        };
        const settle = (said: boolean): void => {
          listeners.delete(take);
          resolve(said);
        };
        listeners.add(take);
        ended.then(() => { settle(false); }, reject);
      }),
    signal: (signal) => child.kill(signal),
    tell: (text) => child.stdin?.end(text),
    ended: () => ended,
  };
}

/** Ends every child that is still there: this program is told to end, or what started it has failed. */
export function killChildren(): void {
  for (const child of alive) {
    child.kill("SIGCONT"); // a stopped one dies as well, but only SIGKILL is certain to reach it
    child.kill("SIGKILL");
  }
}

/** Resolves when the stream has ended. */
async function takeLines(chunks: AsyncIterable<unknown>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) take(part);
  }
}

function reportsOf(child: ChildProcess): Readable | undefined {
  const stream = child.stdio[REPORT_DESCRIPTOR];
  if (stream === null || stream === undefined || !("read" in stream)) return undefined;
  return stream.setEncoding("utf8");
}
