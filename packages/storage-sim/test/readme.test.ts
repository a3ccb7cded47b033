import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FAULT_OPERATIONS, parsePlan } from "../src/index.js";

/** Everything that the README shows is compiled and run as it stands, from beginning to end, and so is what it says of mistakes. */
const root = join(import.meta.dirname, "..");
const readme = await readFile(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
const [example = ""] = blocks;
/** Lines that the README takes out of its example, by a word in them, and where it says what happens then. */
const mistakes = [
  { word: "datasync", says: /^(FailedRunError: choices .*)$/m },
  { word: "syncDirectory", says: /`(choices 5: [^`]*)`/ },
];
let scratch = "";

beforeAll(async () => {
  // In the package, where its own name and those of its dependencies can be imported.
  await mkdir(join(root, ".scratch"), { recursive: true });
  scratch = await mkdtemp(join(root, ".scratch", "readme-"));
  await writeFile(join(scratch, "whole.mts"), blocks.join("\n"));
  for (const { word } of mistakes) await writeFile(join(scratch, `without-${word}.mts`), without(word));
  const options = ["--ignoreConfig", "--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable", "--types", "node", "--skipLibCheck"];
  const files = ["whole", ...mistakes.map(({ word }) => `without-${word}`)].map((name) => `${name}.mts`);
  expect(await ran(join(root, "node_modules/.bin/tsc"), [...options, ...files])).toEqual({ failed: false, output: "" });
}, 120_000);

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe("the README", { timeout: 120_000 }, () => {
  test("compiles, runs and prints what it says, all of it", async () => {
    expect(blocks).toHaveLength(6);
    const promised = /console\.log\(.*\/\/ (.*)$/m.exec(example)?.[1] ?? "";
    // The choices that it replays are those of the store with a line less: in this one they find nothing.
    expect(await ran(process.execPath, ["whole.mjs"])).toEqual({ failed: false, output: `${promised}\n` });
  });

  test("has a property of about 20 lines", () => {
    const property = example.slice(example.indexOf("async function keepsWhatItSaved"));
    expect(property.slice(0, property.indexOf("\n}") + 2).split("\n").length).toBeLessThanOrEqual(20);
  });

  test.each(mistakes)("says how the example fails without its $word", async ({ word, says }) => {
    const claimed = says.exec(readme)?.[1] ?? "nothing is said";
    const { failed, output } = await ran(process.execPath, [`without-${word}.mjs`]);
    expect({ failed, output }).toEqual({ failed: true, output: expect.stringContaining(`${claimed}\n`) as string });
  });

  test("names every operation and kind of fault, and shows plans that are some", () => {
    const row = (start: string): string => readme.split("\n").find((it) => it.startsWith(start)) ?? "";
    for (const operation of FAULT_OPERATIONS.fail) expect(row("| `operation` |")).toMatch(new RegExp(`\\b${operation}\\b`));
    const table = readme.slice(readme.indexOf("| kind |"), readme.indexOf("Full disks"));
    const kinds = [...table.matchAll(/^\| `(\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map(([, kind]) => kind);
    expect(kinds.sort()).toEqual(Object.keys(FAULT_OPERATIONS).sort());
    const plans = [...readme.matchAll(/[`"]((?:[\w*]+(?:\[[^\]]*\])?#[\w+]+=[\w:]+;?)+)[`"]/g)].map(([, plan = ""]) => parsePlan(plan).length);
    expect(plans.length).toBeGreaterThan(4);
    expect(Math.max(...plans)).toBe(3);
  });
});

/** The example without the one line that has the word. */
function without(word: string): string {
  const lines = example.split("\n");
  const less = lines.filter((line) => !line.includes(word));
  expect(less).toHaveLength(lines.length - 1);
  return less.join("\n");
}

/** Runs a program to its end. The output is all that it printed, errors included. */
async function ran(program: string, args: readonly string[]): Promise<{ readonly failed: boolean; readonly output: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: scratch, encoding: "utf8" });
    return { failed: false, output: stdout + stderr };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    return { failed: true, output: stdout + stderr };
  }
}
