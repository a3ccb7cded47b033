import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apps, packages, published, readManifest, readText, repositoryFiles, root } from "./support/repository.js";

const manifest = readManifest("");
const files = repositoryFiles();

describe("the repository", () => {
  it("names no path of anybody's machine and no registry", () => {
    const patterns = [/(?<![\w.~$}-])\/(?:(?:work|root)\/[\w.-]|(?:home|Users)\/[\w.-]+\/)/, /\b[A-Z]:\\Users\\/, /https?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio|mirror)/];
    const found = files
      .filter((file) => !file.includes("/test/vectors/"))
      .flatMap((file) => readFileSync(join(root, file), "utf8").split("\n").map((line, index) => ({ place: `${file}:${index + 1}`, line })))
      .filter(({ line }) => patterns.some((pattern) => pattern.test(line)))
      .map(({ place }) => place);
    expect(found).toEqual([]);
  });

  it("keeps test vectors, whatever they are called, to the byte", () => {
    for (const vector of ["packages/wal/test/vectors/x/wal.log", "packages/wal/test/vectors/x/state.tmp", "packages/wal/test/vectors/dist/x.tgz.bin"]) {
      const ignored = spawnSync("git", ["-c", "core.excludesFile=", "check-ignore", "--no-index", vector], { cwd: root, encoding: "utf8" });
      expect({ vector, ...pick(ignored) }).toEqual({ vector, status: 1, stdout: "" });
      const attributes = execFileSync("git", ["check-attr", "text", "diff", "--", vector], { cwd: root, encoding: "utf8" });
      expect(attributes).toBe(`${vector}: text: unset\n${vector}: diff: unset\n`);
    }
  });

  it("leaves out what is built and what runs leave behind", () => {
    for (const file of ["packages/wal/dist/index.js", "node_modules/x/index.js", ".scratch/bench/x", "packages/wal/.turbo/turbo-test.log"]) {
      expect({ file, status: spawnSync("git", ["check-ignore", "--no-index", file], { cwd: root }).status }).toEqual({ file, status: 0 });
    }
  });

  it("uses one version of pnpm", () => {
    const pnpm = manifest.packageManager ?? "";
    expect(pnpm).toMatch(/^pnpm@\d+\.\d+\.\d+$/);
    const named = ["package.json", "README.md", "CONTRIBUTING.md", ".ci/run"].flatMap((file) => readText(file).match(/pnpm@[\w.]+/g) ?? []);
    expect(new Set(named)).toEqual(new Set([pnpm]));
  });

  it("checks itself only after everything is built, and lints after everything that can be imported", () => {
    const { tasks } = JSON.parse(readText("turbo.json")) as { tasks: Record<string, { dependsOn: string[] }> };
    expect(tasks["//#check"]?.dependsOn.toSorted()).toEqual([...packages, ...apps].map((it) => `${it.manifest.name}#build`).sort());
    expect(tasks["//#lint:all"]?.dependsOn.toSorted()).toEqual(packages.map((it) => `${it.manifest.name}#build`).sort());
  });

  it("publishes every package but the one that its own tests need", () => {
    expect(packages.filter((it) => !published.includes(it)).map(({ short }) => short)).toEqual(["test-worlds"]);
  });

  it("is run as a whole by .ci/run", () => {
    const mode = execFileSync("git", ["ls-files", "--stage", ".ci/run"], { cwd: root, encoding: "utf8" });
    expect(mode).toMatch(/^100755 /);
    expect(spawnSync("bash", ["-n", ".ci/run"], { cwd: root, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  it("has no test that hides the others", () => {
    const tests = files.filter((file) => file.endsWith(".test.ts"));
    expect(tests.length).toBeGreaterThan(10);
    expect(tests.filter((file) => /\b(?:it|test|describe)\.only\b/.test(readText(file)))).toEqual([]);
  });
});

describe.each(published)("$directory", ({ short, directory, manifest: its }) => {
  it("says what a registry shows", () => {
    expect(its).toMatchObject({
      name: `@holdfast/${short}`,
      license: "MIT",
      type: "module",
      sideEffects: false,
      engines: manifest.engines,
      publishConfig: { access: "public", provenance: true },
      repository: { directory },
    });
    expect(existsSync(join(root, directory, "README.md"))).toBe(true);
  });

  it("needs nothing that nobody else gets", () => {
    const ours = Object.keys(its.dependencies ?? {}).filter((name) => name.startsWith("@holdfast/"));
    expect(ours.filter((name) => !published.some(({ manifest }) => manifest.name === name))).toEqual([]);
  });

  it("exports types before code, and both are built", () => {
    const exported = Object.entries(its.exports ?? {}).filter(([path]) => path !== "./package.json");
    expect(exported.length).toBeGreaterThan(0);
    for (const [path, conditions] of exported) {
      expect(Object.keys(conditions), path).toEqual(["types", "default"]);
      for (const file of Object.values(conditions)) expect(existsSync(join(root, directory, file)), `${path}: ${file}`).toBe(true);
    }
  });

  it("has a change to be released, if it never was", () => {
    const { version } = its as { version?: string };
    const changes = files.filter((file) => /^\.changeset\/.*\.md$/.test(file)).map(readText);
    expect(version !== "0.0.0" || changes.some((text) => text.includes(`"${its.name}":`))).toBe(true);
  });
});

describe.each([...packages, ...apps])("$directory", ({ manifest: { scripts, engines, license } }) => {
  it("is built, checked and tested as the others", () => {
    expect(scripts).toMatchObject({
      build: "tsc -p tsconfig.build.json",
      typecheck: "tsc -p tsconfig.json",
      lint: "eslint . --max-warnings 0",
      test: "vitest run --testTimeout=30000", // They sync to a disk that others may be using.
    });
    expect({ engines, license }).toEqual({ engines: manifest.engines, license: manifest.license });
  });
});

function pick({ status, stdout }: { readonly status: number | null; readonly stdout: string }): object {
  return { status, stdout };
}
