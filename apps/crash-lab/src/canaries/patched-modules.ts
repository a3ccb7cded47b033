import { mkdtempSync, realpathSync } from "node:fs";
import { cp, mkdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import * as checkpoint from "@holdfast/checkpoint";
import * as kinesis from "@holdfast/kinesis";
import * as replica from "@holdfast/replica";
import * as runtime from "@holdfast/runtime";
import * as snapshot from "@holdfast/snapshot";
import * as storage from "@holdfast/storage";
import * as storageFs from "@holdfast/storage-fs";
import * as storageS3 from "@holdfast/storage-s3";
import * as wal from "@holdfast/wal";

import type { ModulesUnderTest } from "../simulated/store-history.js";
import { removeNow } from "../../../../scripts/command-line.js";

/** A package whose built code can be changed. */
export type PatchablePackage = "checkpoint" | "kinesis" | "replica" | "runtime" | "snapshot" | "storage-fs" | "storage-s3" | "wal";

/** One literal replacement in one built file. */
export interface Patch {
  readonly package: PatchablePackage;
  /** Of the package's `dist`, for example `"format/plan.js"`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** How often `find` stands in the file: more or fewer is a {@link PatchError}. Default 1. */
  readonly times?: number | undefined;
}

/** A patch does not fit the code that it was made for: the code was changed, and the patch has to follow it. */
export class PatchError extends Error {
  override readonly name = "PatchError";
}

/** The code as it is. */
export const realModules: ModulesUnderTest = { storage, storageFs, storageS3, wal, snapshot, kinesis, runtime, checkpoint, replica };

/**
 * The code with changes made to it: the built files of the patched packages are copied, changed as text and imported, each time
 * as modules of their own. What they import is the real code, or the patched one where that is patched too.
 *
 * @throws PatchError if a patch does not apply.
 */
export async function patchedModules(patches: readonly Patch[]): Promise<ModulesUnderTest> {
  // At once: a signal that comes between the making and the line that knows of it would leave the directory behind.
  const root = mkdtempSync(join(realpathSync(tmpdir()), "holdfast-canary-"));
  const remove = (): void => {
    removeNow(root);
  };
  process.once("exit", remove);
  try {
    const packages = new Set(patches.map((it) => it.package));
    for (const name of packages) await copyPackage(name, root);
    for (const patch of patches) await apply(patch, distOf(patch.package, root));
    return {
      storage,
      storageFs: packages.has("storage-fs") ? await load("storage-fs", root, storageFs) : storageFs,
      storageS3: packages.has("storage-s3") ? await load("storage-s3", root, storageS3) : storageS3,
      wal: packages.has("wal") ? await load("wal", root, wal) : wal,
      snapshot: packages.has("snapshot") ? await load("snapshot", root, snapshot) : snapshot,
      runtime: packages.has("runtime") ? await load("runtime", root, runtime) : runtime,
      checkpoint: packages.has("checkpoint") ? await load("checkpoint", root, checkpoint) : checkpoint,
      replica: packages.has("replica") ? await load("replica", root, replica) : replica,
      kinesis: packages.has("kinesis") ? await load("kinesis", root, kinesis) : kinesis,
    };
  } finally {
    // Everything was read when it was imported.
    await rm(root, { recursive: true });
    process.off("exit", remove);
  }
}

/** Replaces text. @throws PatchError unless it stands there as often as stated. */
function replaced(text: string, { file, find, replace, times = 1 }: Omit<Patch, "package">): string {
  const parts = find === "" ? [] : text.split(find);
  if (parts.length - 1 !== times) {
    throw new PatchError(`${file}: expected ${times} times, found ${Math.max(0, parts.length - 1)} times: ${JSON.stringify(find)}`);
  }
  return parts.join(replace);
}

/** Below a directory of this name nothing is compiled or bundled by whoever runs this. */
const MODULES = "node_modules";

function distOf(name: PatchablePackage, root: string): string {
  return join(root, MODULES, "@holdfast", name, "dist");
}

/** The built files, package.json, and links to what the package depends on. */
async function copyPackage(name: PatchablePackage, root: string): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve(`@holdfast/${name}/package.json`);
  const from = dirname(manifest);
  const to = dirname(distOf(name, root));
  await cp(join(from, "dist"), join(to, "dist"), { recursive: true, filter: (path) => !/\.(?:d\.ts|map)$/.test(path) });
  await cp(manifest, join(to, "package.json"));
  for (const dependency of dependenciesOf(JSON.parse(await readFile(manifest, "utf8")))) {
    const link = join(to, MODULES, dependency);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(from, MODULES, dependency)), link, "junction");
  }
}

function dependenciesOf(manifest: unknown): readonly string[] {
  if (typeof manifest !== "object" || manifest === null || !("dependencies" in manifest)) return [];
  return typeof manifest.dependencies === "object" && manifest.dependencies !== null ? Object.keys(manifest.dependencies) : [];
}

async function apply(patch: Patch, dist: string): Promise<void> {
  const path = join(dist, patch.file);
  await writeFile(path, replaced(await readFile(path, "utf8"), { ...patch, file: `${patch.package}/dist/${patch.file}` }));
}

/** @param like - The real module: the patched one exports what this one does. */
async function load<T extends object>(name: PatchablePackage, root: string, like: T): Promise<T> {
  const module: unknown = await import(/* @vite-ignore */ pathToFileURL(join(distOf(name, root), "index.js")).href);
  if (!exportsAll(module, like)) throw new PatchError(`${name}: the patched module does not export what the real one does`);
  return module;
}

function exportsAll<T extends object>(module: unknown, like: T): module is T {
  return typeof module === "object" && module !== null && Object.keys(like).every((name) => name in module);
}
