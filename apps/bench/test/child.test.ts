import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { lastReport, startChild, wholeLines } from "../src/child.js";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function program(text: string): Promise<URL> {
  const file = join(directory, "program.mjs");
  await writeFile(file, `import { writeSync } from "node:fs";\n${text}`);
  return pathToFileURL(file);
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe("a child", () => {
  it("reports lines, and the one it could not finish is dropped when it is killed", async () => {
    const child = startChild(await program(`writeSync(3, "one\\ntwo\\nthr"); setInterval(() => undefined, 1000);`), []);
    const lines: string[] = [];
    for await (const line of child.lines) {
      lines.push(line);
      if (line === "two") child.kill();
    }
    expect(lines).toEqual(["one", "two"]);
    expect(await child.ended()).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("is killed when it says nothing for too long", async () => {
    const child = startChild(await program(`setInterval(() => undefined, 1000);`), [], { maxSilenceMs: 100 });
    await expect(all(child.lines)).rejects.toThrow("said nothing");
    expect(await child.ended()).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("that runs to its end answers its last line, and fails if it fails", async () => {
    expect(await lastReport(await program(`writeSync(3, process.argv[2] + "\\n");`), ["mine"])).toBe("mine");
    await expect(lastReport(await program(`writeSync(3, "said\\n"); process.exitCode = 7;`), [])).rejects.toThrow("code 7");
    await expect(lastReport(await program(""), [])).rejects.toThrow("no report");
  });
});

describe("wholeLines", () => {
  it("puts pieces together and drops what stands behind the last line end", async () => {
    expect(await all(wholeLines(pieces("acknow", "ledged 1 12\nacknowledged 13 20", "48\nacknowledged 2049 21")))).toEqual([
      "acknowledged 1 12",
      "acknowledged 13 2048",
    ]);
  });
});

async function* pieces(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}
