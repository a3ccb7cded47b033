import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { describe, expect, inject, it } from "vitest";
import { published, readText, root } from "../support/repository.js";
import { run } from "./consumer.js";

const { directory, tarballs } = inject("consumer");
const installed = (name: string): string => join(directory, "node_modules", name);
/** Everything that can be imported: `@holdfast/storage`, `@holdfast/storage/ports`. */
const entries = published.flatMap(({ manifest }) =>
  Object.keys(manifest.exports ?? {})
    .filter((path) => !path.endsWith(".json"))
    .map((path) => manifest.name + path.slice(1)),
);

describe.each(published)("$manifest.name, packed", ({ short, manifest: { name } }) => {
  it("has its code, types, sources, README and licence, and no tests", async () => {
    const files = await readdir(installed(name), { recursive: true });
    expect(NEEDED.filter((file) => !files.includes(file))).toEqual([]);
    expect(files.filter((file) => /(^|\/)test(\/|$)|\.test\.|tsbuildinfo|\.scratch/.test(file))).toEqual([]);
    expect(await readFile(join(installed(name), "LICENSE"), "utf8")).toBe(readText("LICENSE"));
  });

  it("names only what a registry knows in its dependencies", async () => {
    const packed = await readFile(join(installed(name), "package.json"), "utf8");
    expect(packed).not.toMatch(/"(workspace|catalog|file|link):/);
  });

  it("pleases publint", async () => {
    const { messages, pkg } = await publint({ pkgDir: installed(name), pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it("has types that resolve as its code does (attw)", async () => {
    const attw = join(root, "node_modules/.bin/attw");
    const printed = await run(attw, ["--profile", "esm-only", "--no-definitely-typed", "--format", "ascii", tarballs[name] ?? ""], directory);
    expect(printed).toContain(`"@holdfast/${short}"`);
  });
});

describe("installed into an empty project outside the workspace", () => {
  it("every @holdfast package comes from its tarball, once", async () => {
    const lock = JSON.parse(await readFile(join(directory, "package-lock.json"), "utf8")) as { packages: Record<string, { resolved?: string }> };
    const ours = Object.entries(lock.packages).filter(([path]) => path.includes("node_modules/@holdfast/"));
    expect(ours.map(([path]) => path.slice("node_modules/".length)).sort()).toEqual(Object.keys(tarballs).sort());
    for (const [, { resolved }] of ours) expect(resolved).toMatch(/^file:/);
  });

  it("every entry can be imported by plain node", async () => {
    const script = entries.map((entry, index) => `import * as e${index} from "${entry}";`).join("\n");
    await writeFile(join(directory, "import-all.js"), `${script}\nconsole.log("imported");\n`);
    expect(await run(process.execPath, ["import-all.js"], directory)).toBe("imported\n");
  });

  it("a log keeps a record", async () => {
    await writeFile(join(directory, "one-record.js"), ONE_RECORD);
    expect(await run(process.execPath, ["one-record.js"], directory)).toBe("1 holdfast\n");
  });

  it("TypeScript compiles against every entry, library checks on", async () => {
    const uses = entries.map((entry, index) => `import type * as E${index} from "${entry}";\nexport type Names${index} = keyof typeof E${index};`).join("\n");
    await writeFile(join(directory, "one-record.ts"), ONE_RECORD);
    await writeFile(join(directory, "types.ts"), `${uses}\n`);
    const tsc = join(root, "node_modules/.bin/tsc");
    const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable", "--types", "node"];
    expect(await run(tsc, [...options, "--skipLibCheck", "false", "one-record.ts", "types.ts"], directory)).toBe("");
  });
});

const NEEDED = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts", "src/index.ts"];

const ONE_RECORD = `
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

const root = await mkdtemp(join(import.meta.dirname, "log-"));
const storage = await fsBackend({ root });
const log = await openLog({ storage, prefix: "orders" });
await log.append(new TextEncoder().encode("holdfast"));
await log.close();
const again = await openLog({ storage, prefix: "orders" });
for await (const { seq, value } of again.read()) console.log(seq, new TextDecoder().decode(value));
await again.close();
await storage.close();
await rm(root, { recursive: true });
`;
