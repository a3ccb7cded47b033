import { execFile, spawnSync } from "node:child_process";

import { findTool } from "./machine.js";

/** A program of the system ended with an error. The message says which and what it printed. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/**
 * Runs a program of the system to its end and answers what it printed.
 *
 * @throws ToolError if it is not there, fails, or takes longer than a minute.
 */
export function runTool(name: string, args: readonly string[]): Promise<string> {
  const path = findTool(name);
  if (path === undefined) return Promise.reject(new ToolError(`${name} is not there`));
  return new Promise((resolve, reject) => {
    execFile(path, args, { timeout: TIMEOUT_MS, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new ToolError(`${name} ${args.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}

/** The same at once, for cleaning up while the process ends. Answers whether it succeeded. */
export function runToolNow(name: string, args: readonly string[]): boolean {
  const path = findTool(name);
  return path !== undefined && spawnSync(path, args, { timeout: TIMEOUT_MS, killSignal: "SIGKILL", stdio: "ignore" }).status === 0;
}

const TIMEOUT_MS = 60_000;
