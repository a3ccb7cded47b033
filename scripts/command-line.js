// What the command-line programs of this repository have in common: what their exit codes mean, which values they refuse, and how they
// end. What goes in and comes out stands in command-line.d.ts.
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, rmdirSync, rmSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";

export const EXIT_CODES = "Exit codes: 0 done; 1 a check failed or found damage; 2 refused, before anything was done; 130 or 143 ended by SIGINT or SIGTERM.";

export class RefusedError extends Error {
  name = "RefusedError";
}

export async function runProgram(program) {
  try {
    process.exitCode = await program();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

export function exitAsCommanderSays({ exitCode }) {
  process.exit(exitCode === 0 ? 0 : 2);
}

export function endOnSignals() {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
    // For as long as the process lives: npm passes on what a terminal has sent already, and a second signal must not end the cleaning up.
    process.on(signal, () => {
      // Registered last, so called last: behind all that clean up when the process ends.
      process.once("exit", () => {
        process.stderr.write(`${process.stderr.isTTY ? "\r\u001b[K" : ""}Ended by ${signal}: not finished, and nothing is left behind.\n`);
      });
      process.exit(code);
    });
  }
}

export function removeNow(directory) {
  for (let round = 0; round < REMOVAL_ROUNDS; round += 1) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETTLING_MS);
    if (!existsSync(directory)) return;
  }
  throw new Error(`${directory} cannot be removed: it is made again and again.`);
}

const REMOVAL_ROUNDS = 20;
const SETTLING_MS = 50;

export function wholeNumber(option, least, most) {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least || value > most) throw new RefusedError(`${option}: a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
    return value;
  };
}

export function decimalNumber(option, least, most) {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new RefusedError(`${option}: a number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
    return value;
  };
}

export function regularExpression(option) {
  return (text) => {
    if (text === "") throw new RefusedError(`${option}: an empty text matches everything; leave the option out.`);
    try {
      return new RegExp(text);
    } catch (error) {
      throw new RefusedError(`${option}: ${JSON.stringify(text)} is not a regular expression: ${error.message}.`);
    }
  };
}

export function refuseNoMatch(option, given, names) {
  throw new RefusedError(`${option}: nothing has a name that matches ${given}. There are:\n${names.map((name) => `  ${name}`).join("\n")}`);
}

export function outputFile(option) {
  return (text) => {
    const path = resolve(named(option, text));
    try {
      if (/[/\\]$/.test(text)) throw new Error("this names a directory");
      tryToWrite(path);
    } catch (error) {
      throw new RefusedError(`${option}: ${path} cannot be written: ${error.message}.`);
    }
    return path;
  };
}

export function inputFile(option) {
  return (text) => {
    const path = resolve(named(option, text));
    try {
      const found = statSync(path);
      if (!found.isFile() && !found.isFIFO()) throw new Error(found.isDirectory() ? "this is a directory" : "this is neither a file nor a pipe");
      accessSync(path, constants.R_OK);
    } catch (error) {
      throw new RefusedError(`${option}: ${path} cannot be read: ${error.message}.`);
    }
    return path;
  };
}

export function directoryOnDisk(option) {
  return (text) => {
    const path = resolve(named(option, text));
    const missing = missingAt(path);
    try {
      for (const at of missing.toReversed()) make(at);
      if (!statSync(path).isDirectory()) throw new Error("this is no directory");
      accessSync(path, constants.W_OK | constants.X_OK);
      if (isInMemory(statfsSync(path))) {
        throw new Error("its file system is kept in memory (tmpfs or ramfs), where nothing is durable; name a directory on a disk");
      }
    } catch (error) {
      throw new RefusedError(`${option}: ${path} cannot be worked in: ${error.message}.`);
    } finally {
      for (const made of missing) removeEmpty(made);
    }
    return path;
  };
}

export function isInMemory({ type }, platform = process.platform) {
  return platform === "linux" && IN_MEMORY_MAGIC.has(type);
}

/** tmpfs and ramfs, from linux/magic.h. */
const IN_MEMORY_MAGIC = new Set([0x01021994, 0x858458f6]);

function named(option, text) {
  if (text.trim() === "") throw new RefusedError(`${option}: no path is named.`);
  return text;
}

/** Opens it as it would be written, and leaves nothing. Pipes and devices are not opened: who reads them would take that for the end. */
function tryToWrite(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    closeSync(openSync(path, "wx"));
    unlinkSync(path);
  } else if (found.isDirectory()) throw new Error("this is a directory");
  else if (found.isFile()) closeSync(openSync(path, "a"));
  else accessSync(path, constants.W_OK);
}

/** Not `recursive`: Node never comes back from that where nothing can be made in a directory that is there, as in /proc. */
function make(directory) {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (error.code !== "EEXIST") throw error; // somebody else was faster
  }
}

/** What making a directory will make, the innermost first. */
function missingAt(path) {
  const missing = [];
  for (let at = path; !existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

function removeEmpty(directory) {
  try {
    rmdirSync(directory);
  } catch {
    // It could not be made, or somebody else has begun to use it meanwhile: it is not ours to remove.
  }
}
