import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "lossless-json";

/** What the original returned. A state is a JSON object with its fields in the order of their names. */
export interface Original {
  readonly status: "ok" | "none" | "error" | "crash";
  readonly variant?: "Snapshot" | "Wal" | "Io" | "UnsupportedWalFormat";
  readonly message?: string;
  readonly entry_created_at_ms?: readonly string[];
  readonly snapshot_created_at_ms?: string;
  readonly replayed_created_at_ms?: string;
  readonly entries?: readonly unknown[];
  readonly snapshot?: unknown;
  readonly replayed?: unknown;
}

/** A directory that the original wrote or was given. */
export interface Vector {
  readonly name: string;
  readonly original: Original;
  readonly sameAsOriginal: boolean;
  readonly byOriginal: boolean;
  readonly entryTexts: readonly string[] | undefined;
  /** Of its files, by their names. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Names of directories inside it. */
  readonly directories: readonly string[];
}

const home = fileURLToPath(new URL("../vectors/ferrokinesis/", import.meta.url));

/** Every case with a directory; epoch-seconds-text is a table and has none. The sha256 of each file is compared before it is used. */
export const vectors: readonly Vector[] = readdirSync(home)
  .filter((name) => name !== "epoch-seconds-text")
  .map(load);

export function vector(name: string): Vector {
  const found = vectors.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}

/** A copy of the case's directory at `target`, which must not exist. */
export function place({ name, directories }: Vector, target: string): void {
  mkdirSync(target, { recursive: true });
  const state = join(home, name, "state");
  if (existsSync(state)) cpSync(state, target, { recursive: true });
  for (const directory of directories) mkdirSync(join(target, directory), { recursive: true });
}

/** expected.json of a case, with integers as they stand. */
export function expectedOf(name: string): Readonly<Record<string, unknown>> {
  return parse(readFileSync(join(home, name, "expected.json"), "utf8")) as Record<string, unknown>;
}

/** A value of expected.json as JSON, each number as it stood there. */
export function textOf(value: unknown): string {
  return stringify(value) ?? "";
}

function load(name: string): Vector {
  const expected = expectedOf(name) as unknown as {
    readonly original: Original;
    readonly correct_reader: string;
    readonly bytes_made_by: string;
    readonly entry_texts?: readonly string[];
    readonly files: Readonly<Record<string, { readonly size: unknown; readonly sha256: string }>>;
    readonly dirs: readonly string[];
  };
  const files = Object.entries(expected.files).map(([file, stated]) => {
    const bytes = readFileSync(join(home, name, "state", file));
    const actual = { size: String(bytes.length), sha256: createHash("sha256").update(bytes).digest("hex") };
    if (actual.size !== String(stated.size) || actual.sha256 !== stated.sha256) throw new Error(`${name}: ${file} is not what was recorded`);
    return [file, bytes] as const;
  });
  return {
    name,
    original: expected.original,
    sameAsOriginal: expected.correct_reader.startsWith("same as original") && !expected.correct_reader.includes("as damage"),
    byOriginal: expected.bytes_made_by === "original code",
    entryTexts: expected.entry_texts,
    files: new Map(files),
    directories: expected.dirs,
  };
}
