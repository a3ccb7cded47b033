import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, it, onTestFinished } from "vitest";

import { decimalNumber, directoryOnDisk, inputFile, outputFile, RefusedError, refuseNoMatch, regularExpression, wholeNumber } from "../../../scripts/command-line.js";

const MODULE = new URL("../../../scripts/command-line.js", import.meta.url).href;

function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** A program of a few lines, and the arguments of Node that run it. */
function program(directory: string, text: string): string[] {
  const file = join(directory, "program.mjs");
  writeFileSync(file, text);
  return ["--input-type=module", "--eval", `import ${JSON.stringify(pathToFileURL(file).href)};`];
}

it("whole numbers are decimal digits within bounds, and nothing else", () => {
  const seed = wholeNumber("--seed", 0, 100);
  expect([seed("0"), seed("100"), seed("007")]).toEqual([0, 100, 7]);
  for (const text of ["", " ", "-1", "101", "1.5", "1e1", "0x10", " 5", "NaN", "Infinity", "9".repeat(400)]) expect(() => seed(text), text).toThrow(RefusedError);
  expect(() => seed("-1")).toThrow('--seed: a whole number from 0 to 100, not "-1".');
});

it("numbers may have a point", () => {
  const seconds = decimalNumber("--seconds", 0.1, 600);
  expect([seconds("0.1"), seconds("600"), seconds("2.50")]).toEqual([0.1, 600, 2.5]);
  for (const text of ["", "0", "-1", "600.1", "1e2", "Infinity", "."]) expect(() => seconds(text), text).toThrow(RefusedError);
});

it("regular expressions are not empty", () => {
  expect(regularExpression("--only")("^a|b$")).toEqual(/^a|b$/);
  expect(() => regularExpression("--only")("")).toThrow(RefusedError);
  expect(() => regularExpression("--only")("[")).toThrow(/^--only: "\[" is not a regular expression: /);
});

it("a choice that chooses nothing is refused with what there is", () => {
  expect(() => refuseNoMatch("--only", "/x/", ["one", "two"])).toThrow(new RefusedError("--only: nothing has a name that matches /x/. There are:\n  one\n  two"));
});

it("a file that can be written is left as it was", () => {
  const directory = freshDirectory();
  const old = join(directory, "old");
  writeFileSync(old, "as it was");
  expect([outputFile("--json")(old), outputFile("--json")(join(directory, "new"))]).toEqual([old, join(directory, "new")]);
  expect(outputFile("--json")("/dev/null")).toBe("/dev/null");
  expect(readFileSync(old, "utf8")).toBe("as it was");
  expect(readdirSync(directory)).toEqual(["old"]);
});

it("a file that cannot be written is refused, and nothing is left", () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, "file"), "");
  const paths = ["", " ", directory, `${join(directory, "new")}/`, join(directory, "none", "new"), join(directory, "file", "new"), join(directory, "x".repeat(300))];
  for (const path of paths) expect(() => outputFile("--json")(path), path).toThrow(RefusedError);
  expect(() => outputFile("--json")(directory)).toThrow(`--json: ${directory} cannot be written: this is a directory.`);
  expect(readdirSync(directory)).toEqual(["file"]);
});

it("what is read is a file, and there", () => {
  const directory = freshDirectory();
  const file = join(directory, "file");
  writeFileSync(file, "");
  expect(inputFile("--input")(file)).toBe(file);
  for (const path of ["", directory, join(directory, "none"), "/dev/zero"]) expect(() => inputFile("--input")(path), path).toThrow(RefusedError);
});

it("a directory to work in need not be there, and is not made by asking", () => {
  const directory = mkdtempSync(join(import.meta.dirname, ".work-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  mkdirSync(join(directory, "there"));
  writeFileSync(join(directory, "file"), "");
  const there = readdirSync(directory);
  expect(directoryOnDisk("--dir")(join(directory, "there"))).toBe(join(directory, "there"));
  expect(directoryOnDisk("--dir")(join(directory, "new", "deep"))).toBe(join(directory, "new", "deep"));
  for (const path of ["", join(directory, "file"), join(directory, "file", "new"), join(directory, "new", "x".repeat(300)), "/proc/none"]) {
    expect(() => directoryOnDisk("--dir")(path), path).toThrow(RefusedError);
  }
  expect(readdirSync(directory)).toEqual(there);
});

it.skipIf(!existsSync("/dev/shm"))("a directory in memory is none to work in", () => {
  const before = readdirSync("/dev/shm");
  for (const path of ["/dev/shm", "/dev/shm/holdfast-none/deep"]) expect(() => directoryOnDisk("--dir")(path)).toThrow(/kept in memory/);
  expect(readdirSync("/dev/shm")).toEqual(before);
});

it.each([
  ["0", "() => 0", 0, ""],
  ["1", "() => 1", 1, ""],
  ["2 for what is refused, without a stack", `() => { throw new RefusedError("not here"); }`, 2, "not here\n"],
])("a program ends with %s", (_name, body, code, said) => {
  const { status, stderr } = spawnSync(process.execPath, program(freshDirectory(), `import { RefusedError, runProgram } from "${MODULE}"; await runProgram(async ${body});`), { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: code, stderr: said });
});

it("a program that breaks ends with 1 and the stack", () => {
  const { status, stderr } = spawnSync(process.execPath, program(freshDirectory(), `import { runProgram } from "${MODULE}"; await runProgram(async () => { throw new Error("a bug"); });`), { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/Error: a bug\n +at /);
});

it.each([["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const)("%s ends with %i, cleans up whatever comes meanwhile, and says so last", async (signal, code) => {
  const text = `import { endOnSignals } from "${MODULE}";
    endOnSignals();
    process.once("exit", () => {
      for (const another of ["SIGINT", "SIGTERM"]) process.kill(process.pid, another);
      const end = performance.now() + 50;
      while (performance.now() < end);
      process.stderr.write("cleaned up\\n");
    });
    setInterval(() => undefined, 1000);
    process.stdout.write("ready");`;
  const child = spawn(process.execPath, program(freshDirectory(), text));
  child.stdout.once("data", () => child.kill(signal));
  let said = "";
  child.stderr.on("data", (data) => (said += String(data)));
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect({ status, said }).toEqual({ status: code, said: `cleaned up\nEnded by ${signal}: not finished, and nothing is left behind.\n` });
});
