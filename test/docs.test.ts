import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readText, repositoryFiles, root } from "./support/repository.js";

const pages = repositoryFiles().filter((file) => file.endsWith(".md") && !file.startsWith(".changeset/") && !file.includes("/test/vectors/"));

it.each(pages)("%s links to what is there", (page) => {
  const text = readText(page).replaceAll(/^```.*?^```/gms, "");
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(file).includes(anchor);
    });
  expect(broken).toEqual([]);
});

describe("the code that is pointed at", () => {
  const lines = ["ARCHITECTURE.md", "docs/reliability.md"].flatMap((page) =>
    readText(page)
      .split("\n")
      .map((line, index) => ({ place: `${page}:${index + 1}`, line, files: [...line.matchAll(/`((?:packages|apps|test|docs)\/[^`*<>]*)`/g)].map(([, path = ""]) => path) })),
  );

  it("is there", () => {
    const gone = lines.flatMap(({ place, files }) => files.filter((path) => !existsSync(join(root, path))).map((path) => `${place}: ${path}`));
    expect(lines.flatMap(({ files }) => files).length).toBeGreaterThan(20);
    expect(gone).toEqual([]);
  });

  it("has the names that are given beside it", () => {
    const named = lines.flatMap(({ place, line, files }) => {
      const sources = files.filter((path) => path.endsWith(".ts") && existsSync(join(root, path))).map(readText);
      // `name()`, `Class.name()` and `Class`: each part must stand in one of the files of the line.
      const names = [...line.matchAll(/`([A-Z][a-z]\w+|[\w.#]+\(\))`/g)].flatMap(([, name = ""]) => name.replace("()", "").split(/[.#]+/));
      return sources.length === 0 ? [] : names.map((name) => ({ name: `${place}: ${name}`, found: sources.some((text) => new RegExp(`\\b${name}\\b`).test(text)) }));
    });
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ found }) => !found)).toEqual([]);
  });
});

it.each([["bytes", "BYTES"], ["storage", "STORAGE"], ["wal", "WAL"], ["snapshot", "(?:SNAPSHOT|STATE)"], ["checkpoint", "CHECKPOINT"], ["kinesis", "KINESIS"], ["runtime", "RUNTIME"], ["replica", "REPLICA"]])("the README of %s explains every code of its errors, once", (short, prefix) => {
  const code = `${prefix}_[A-Z0-9_]+`;
  const declared = readText(`packages/${short}/src/errors.ts`).matchAll(new RegExp(`"(${code})"`, "g"));
  const explained = readText(`packages/${short}/README.md`).matchAll(new RegExp(`^\\| \`(${code})\` \\|`, "gm"));
  const codes = [...new Set([...declared].map(([, name]) => name))].sort();
  expect(codes.length).toBeGreaterThan(3);
  expect([...explained].map(([, name]) => name).sort()).toEqual(codes);
});

it.each([
  ["wal", "types.ts", "LogOptions"],
  ["wal", "types.ts", "LogReaderOptions"],
  ["wal", "types.ts", "AppendOptions"],
  ["wal", "verify.ts", "VerifyOptions"],
  ["storage-fs", "backend.ts", "FsBackendOptions"],
  ["storage-s3", "options.ts", "S3BackendOptions"],
  ["snapshot", "state-types.ts", "StateStoreOptions"],
  ["snapshot", "state-types.ts", "SnapshotPolicy"],
  ["checkpoint", "durable-store.ts", "CheckpointStoreOptions"],
  ["checkpoint", "manager-types.ts", "CheckpointManagerOptions"],
  ["checkpoint", "run-checkpointed.ts", "RunCheckpointedOptions"],
  ["replica", "replicator.ts", "ReplicatorOptions"],
  ["replica", "restore.ts", "RestoreOptions"],
  ["replica", "retention.ts", "RetentionPolicy"],
  ["runtime", "types.ts", "RuntimeStoreOptions"],
  ["runtime", "directory.ts", "RuntimeDirectoryOptions"],
  ["kinesis", "directory.ts", "KinesisDirectoryOptions"],
])("the README of %s names every option (%s: %s)", (short, file, name) => {
  const members = new RegExp(`^export interface ${name}\\b[^]*?^}`, "m").exec(readText(`packages/${short}/src/${file}`))?.[0] ?? "";
  const options = [...members.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = ""]) => option);
  expect(options.length).toBeGreaterThan(2);
  const code = [...readText(`packages/${short}/README.md`).matchAll(/^```.*?^```|`[^`]+`/gms)].join("\n");
  expect(options.filter((option) => !["clock", "random"].includes(option) && !new RegExp(`\\b${option}\\b`).test(code))).toEqual([]);
});

/** The names that a heading gets on a page. */
function anchorsOf(file: string): readonly string[] {
  return [...readText(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}
