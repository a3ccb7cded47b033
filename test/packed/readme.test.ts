import { mkdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { published, readText, root } from "../support/repository.js";
import { run } from "./consumer.js";

/**
 * The first block of TypeScript in a README that begins with an import is its example, and so is every later one that also says
 * behind console.log what it prints: compiled and run in the project that has the tarballs installed, in an empty directory. What it says about its output is compared: the block behind the word "prints",
 * or the comments behind or below its calls of console.log, in order. One that calls the conformance suite is run by vitest.
 */
interface Example {
  readonly readme: string;
  readonly name: string;
  /** Its directory, from that of the project. */
  readonly place: string;
  readonly code: string;
  readonly prints: { readonly exactly: string } | { readonly inOrder: readonly string[] };
  readonly isSuite: boolean;
}

const { directory } = inject("consumer");
const readmes = ["README.md", ...published.map((it) => `${it.directory}/README.md`)].filter((path) => existsSync(join(root, path)));
const examples = readmes.flatMap(examplesOf);

it("every README has one", () => {
  expect([...new Set(examples.map(({ readme }) => readme))]).toEqual(readmes);
});

it("that of the repository has 15 lines", () => {
  expect(examples[0]?.code.trimEnd().split("\n")).toHaveLength(15);
});

it("all compile", async () => {
  for (const example of examples) {
    await mkdir(join(directory, example.place), { recursive: true });
    await writeFile(join(directory, example.place, fileName(example, "ts")), example.code);
    for (const [name, code] of Object.entries(READERS_OWN)) {
      if (example.code.includes(`"./${name}.js"`)) await writeFile(join(directory, example.place, `${name}.ts`), code);
    }
  }
  const tsc = join(root, "node_modules/.bin/tsc");
  const options = ["--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable", "--types", "node"];
  const files = examples.map((example) => join(example.place, fileName(example, "ts")));
  expect(await run(tsc, [...options, "--skipLibCheck", ...files], directory)).toBe("");
});

describe("runs and prints what it says", () => {
  it.each(examples)("$name", async (example) => {
    const printed = await runExample(example);
    if ("exactly" in example.prints) expect(printed).toBe(example.prints.exactly);
    else expect(printed.split("\n")).toEqual(inThisOrder(example.prints.inOrder));
  });
});

function examplesOf(readme: string): readonly Example[] {
  const blocks = [...readText(readme).matchAll(/^```ts\n(import .*?)^```\n(?:\nprints[^\n]*\n\n```\w*\n(.*?)^```)?/gms)];
  return blocks.flatMap(([, code = "", output], index) => {
    const inOrder = promisedLines(code);
    if (index > 0 && inOrder.length === 0) return [];
    const name = index === 0 ? readme : `${readme}, block ${index + 1}`;
    return {
      readme,
      name,
      place: join("examples", name.replaceAll(/\W/g, "-")),
      code,
      prints: output === undefined ? { inOrder } : { exactly: output },
      isSuite: /"vitest"|"@holdfast\/storage-conformance"/.test(code),
    };
  });
}

/** `console.log(…); // these`, or lines of comments directly below it. */
function promisedLines(code: string): readonly string[] {
  return [...code.matchAll(/console\.log\(.*\);?(?: \/\/ (.*)|((?:\n\/\/ .*)*))$/gm)].flatMap(([, behind, below = ""]) =>
    behind === undefined ? [...below.matchAll(/^\/\/ (.*)$/gm)].map(([, line = ""]) => line) : [behind],
  );
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

/** What an example imports of its reader's own code. */
const READERS_OWN: Readonly<Record<string, string>> = {
  "my-backend": `
    import { memoryBackend, memoryDisk, type MemoryDisk, type StorageBackend } from "@holdfast/storage";
    const disks = new Map<string, MemoryDisk>();
    export function myBackend(root: string): Promise<StorageBackend> {
      const disk = disks.get(root) ?? memoryDisk();
      disks.set(root, disk);
      return Promise.resolve(memoryBackend({ disk }));
    }
  `,
};

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
