import { mkdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { packages, readText, root } from "../support/repository.js";
import { run } from "./consumer.js";

/**
 * Every block of TypeScript in a README that begins with an import is an example: compiled and run in the project that has the
 * tarballs installed, in an empty directory. What it says about its output is compared: the block behind the word "prints", or
 * the comments behind its calls of console.log, in order. One that calls the conformance suite is run by vitest.
 */
interface Example {
  readonly title: string;
  /** Its directory, from that of the project. */
  readonly place: string;
  readonly code: string;
  readonly prints: { readonly exactly: string } | { readonly inOrder: readonly string[] };
  readonly isSuite: boolean;
}

const { directory } = inject("consumer");
const readmes = ["README.md", ...packages.map((it) => `${it.directory}/README.md`)].filter((path) => existsSync(join(root, path)));
const examples = readmes.flatMap(examplesOf);

it.each(readmes)("%s has an example", (readme) => {
  expect(examplesOf(readme).length).toBeGreaterThan(0);
});

it("the example in the README of the repository is short", () => {
  expect(examplesOf("README.md").map(({ code }) => code.trimEnd().split("\n").length)).toEqual([15]);
});

it("the examples compile", async () => {
  for (const example of examples) {
    await mkdir(join(directory, example.place), { recursive: true });
    await writeFile(join(directory, example.place, fileName(example, "ts")), example.code);
  }
  const tsc = join(root, "node_modules/.bin/tsc");
  const options = ["--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable", "--types", "node"];
  const files = examples.map((example) => join(example.place, fileName(example, "ts")));
  expect(await run(tsc, [...options, "--skipLibCheck", ...files], directory)).toBe("");
});

describe("the example runs and prints what it says", () => {
  it.each(examples)("$title", async (example) => {
    const printed = await runExample(example);
    if ("exactly" in example.prints) expect(printed).toBe(example.prints.exactly);
    else expect(printed.split("\n")).toEqual(inThisOrder(example.prints.inOrder));
  });
});

function examplesOf(readme: string): readonly Example[] {
  const blocks = [...readText(readme).matchAll(/^```ts\n(import .*?)^```\n(?:\nprints[^\n]*\n\n```\w*\n(.*?)^```)?/gms)];
  return blocks.map(([, code = "", output], index) => ({
    title: blocks.length === 1 ? readme : `${readme}, ${index + 1}`,
    place: join("examples", readme.replaceAll(/\W/g, "-"), String(index + 1)),
    code,
    prints: output === undefined ? { inOrder: promisedLines(code) } : { exactly: output },
    isSuite: /"vitest"|"@holdfast\/storage-conformance"/.test(code),
  }));
}

/** `console.log(…); // these` */
function promisedLines(code: string): readonly string[] {
  return [...code.matchAll(/console\.log\(.*\);? \/\/ (.*)$/gm)].map(([, line = ""]) => line);
}

function fileName({ isSuite }: Example, extension: "ts" | "js"): string {
  return isSuite ? `example.test.${extension}` : `example.${extension}`;
}

function runExample(example: Example): Promise<string> {
  const place = join(directory, example.place);
  if (!example.isSuite) return run(process.execPath, [fileName(example, "js")], place);
  const vitest = join(directory, "node_modules/vitest/vitest.mjs");
  return run(process.execPath, [vitest, "run", "--root", place, fileName(example, "js")], place);
}

/** Matches a list that has these lines in this order, whatever stands between them. */
function inThisOrder(lines: readonly string[]): unknown {
  return expect.toSatisfy((printed: readonly string[]) => {
    let from = 0;
    return lines.every((line) => {
      from = printed.indexOf(line, from) + 1;
      return from > 0;
    });
  }, `these lines in this order: ${JSON.stringify(lines)}`);
}
