import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "lossless-json";

/** Values of expected.json: integers are bigints, since they go up to 2^64 − 1. */
export type Json = bigint | boolean | string | null | undefined | readonly Json[] | { readonly [name: string]: Json };

/** What the original answered. */
export interface Answer {
  readonly status: "ok" | "error" | "panic" | "crash";
  readonly variant?: string;
  readonly operation?: string;
  readonly path?: string;
  readonly message?: string;
  readonly value?: Json;
  readonly state?: Json;
}

/** A directory that the original wrote or was given. */
export interface Vector {
  readonly name: string;
  readonly runtimeId: string;
  /** Whether nobody but the original wrote the files. */
  readonly byOriginal: boolean;
  readonly load: Answer;
  readonly queries: readonly { readonly query: Readonly<Record<string, Json>>; readonly result: Answer }[];
  readonly script: readonly Readonly<Record<string, Json>>[];
  readonly scriptResults: readonly Answer[];
  /** Of its files, by their paths below the root. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Names of directories below the root, parents first. */
  readonly directories: readonly string[];
}

const home = fileURLToPath(new URL("../vectors/yoi/", import.meta.url));

/** Every case. The sha256 of each file is compared before it is used. */
export const vectors: readonly Vector[] = readdirSync(home).map(load);

export function vector(name: string): Vector {
  const found = vectors.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}

/** A copy of the case's directory at `target`, which must not exist. */
export function place({ directories, files }: Vector, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const directory of directories) mkdirSync(join(target, directory), { recursive: true });
  for (const [path, bytes] of files) writeFileSync(join(target, path), bytes);
}

interface ExpectedFile {
  readonly sha256: string;
  readonly size: bigint;
  /** Where the path is too long for some file systems. */
  readonly base64?: string;
}

function load(name: string): Vector {
  const expected = parse(readFileSync(join(home, name, "expected.json"), "utf8"), undefined, { parseNumber: BigInt }) as {
    readonly runtime_id: string;
    readonly bytes_made_by: string;
    readonly original_load: Answer;
    readonly original_queries?: Vector["queries"] | Answer;
    readonly script?: Vector["script"];
    readonly script_results?: Vector["scriptResults"];
    readonly files: Readonly<Record<string, ExpectedFile>>;
    readonly dirs?: readonly string[];
  };
  const { original_queries: queries } = expected;
  return {
    name,
    runtimeId: expected.runtime_id,
    byOriginal: expected.bytes_made_by === "original code",
    load: expected.original_load,
    queries: queries instanceof Array ? queries : [],
    script: expected.script ?? [],
    scriptResults: expected.script_results ?? [],
    files: new Map(Object.entries(expected.files).map(([path, it]) => [path, checked(name, path, it)])),
    directories: expected.dirs ?? [],
  };
}

function checked(name: string, path: string, { sha256, size, base64 }: ExpectedFile): Uint8Array {
  const bytes = base64 === undefined ? readFileSync(join(home, name, "root", path)) : Buffer.from(base64, "base64");
  if (createHash("sha256").update(bytes).digest("hex") !== sha256 || BigInt(bytes.length) !== size) throw new Error(`${name}: ${path} was changed`);
  return new Uint8Array(bytes);
}
