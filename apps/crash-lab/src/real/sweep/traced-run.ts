import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import type { Child, ChildEnd } from "../child.js";
import { inTime } from "../in-time.js";
import { findTool } from "../machine.js";
import { SWEPT } from "./faults.js";

/** What became of a child under strace. */
export interface TracedEnd extends ChildEnd {
  /** Its system calls, as strace writes them. */
  readonly trace: string;
}

/** strace could not be attached: there is none, or it may not trace here, as in most containers. */
export class CannotTraceError extends Error {
  override readonly name = "CannotTraceError";
}

/**
 * Attaches strace to a child that waits to be told to go on, tells it, and waits for its end. What Node does while it starts is so left out,
 * and the calls are counted from there.
 *
 * @param expressions - Of strace's option `-e`, besides which calls are traced.
 * @param traceFile - Where strace writes.
 * @throws CannotTraceError; HangError if the child does not come to its end.
 */
export async function runTraced(child: Child, expressions: readonly string[], traceFile: string): Promise<TracedEnd> {
  const traced = Object.keys(SWEPT).map((name) => `?${name}`).join(","); // "?": not on every architecture
  const args = ["-f", "-o", traceFile, "-e", `trace=${traced}`, "-e", "signal=none", ...expressions.flatMap((it) => ["-e", it]), "-p", String(child.pid)];
  const strace = spawn(findTool("strace") ?? "strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const gone = once(strace, "exit");
  gone.catch(() => undefined); // waited for below
  let said = "";
  const lines = createInterface(strace.stderr);
  const attached = new Promise<boolean>((resolve) => {
    lines.on("line", (line) => {
      said += `${line}\n`;
      if (/Process \d+ attached/.test(line)) resolve(true);
    });
    lines.once("close", () => { resolve(false); });
  });
  if (!(await inTime("attaching strace", attached))) {
    child.signal("SIGKILL");
    await child.ended();
    throw new CannotTraceError(`strace cannot attach: ${said.trim()}`);
  }
  child.tell("go");
  try {
    const end = await inTime("a script with an injected fault", child.ended());
    await inTime("strace", gone);
    return { ...end, trace: readFileSync(traceFile, "utf8") };
  } finally {
    child.signal("SIGKILL");
    strace.kill("SIGKILL");
    lines.close();
  }
}
