import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { published, readManifest, root } from "../support/repository.js";

/** A project outside the workspace that has installed the tarballs of all public packages. */
export interface Consumer {
  readonly directory: string;
  /** Name of the package to path of the tarball. */
  readonly tarballs: Readonly<Record<string, string>>;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly consumer: Consumer;
  }
}

/** Packs every public package as a release does, and installs the tarballs into an empty project. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-consumer-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const tarballs = await pack(join(directory, "tarballs"));
    await writeFile(join(directory, "package.json"), `${JSON.stringify(consumerManifest(tarballs), undefined, 2)}\n`);
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm", ["install", "--prefer-offline", "--ignore-scripts", "--legacy-peer-deps", ...quiet], directory);
    await linkTools(join(directory, "node_modules"));
    project.provide("consumer", { directory, tarballs });
    return remove;
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs a program to its end and answers what it printed. What it printed is also in the error if it fails. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${basename(program)} ${args.join(" ")} in ${cwd}\n${stdout}${stderr}`, { cause: error });
  }
}

async function pack(destination: string): Promise<Record<string, string>> {
  await mkdir(destination);
  const [pnpm, ...args] = pnpmCommand();
  const filters = published.map(({ manifest }) => `--filter=${manifest.name}`);
  // One process for all: starting pnpm takes longer than to pack.
  const answer = await run(pnpm, [...args, "--recursive", ...filters, "pack", "--json", "--pack-destination", destination], root);
  const packed = JSON.parse(answer) as readonly { readonly name: string; readonly filename: string }[];
  return Object.fromEntries(packed.map(({ name, filename }) => [name, filename]));
}

/** A project that has every public package, and in which each `@holdfast/…`, also what one needs of another, is the tarball. */
function consumerManifest(tarballs: Readonly<Record<string, string>>): object {
  const names = Object.keys(tarballs).sort();
  return {
    name: "consumer",
    private: true,
    type: "module",
    dependencies: Object.fromEntries(names.map((name) => [name, `file:${tarballs[name] ?? ""}`])),
    overrides: Object.fromEntries(names.map((name) => [name, `$${name}`])),
  };
}

/** What such a project has anyway is that of the workspace: it is large, and not what is tested. */
async function linkTools(modules: string): Promise<void> {
  await mkdir(join(modules, "@types"), { recursive: true });
  for (const tool of ["vitest", "@types/node"]) await symlink(await realpath(join(root, "node_modules", tool)), join(modules, tool), "dir");
}

/** The pnpm that runs this, the one on the path, or the one that the workspace names. */
function pnpmCommand(): readonly [string, ...string[]] {
  const running = process.env["npm_execpath"] ?? "";
  if (basename(running).startsWith("pnpm")) return /\.[cm]?js$/.test(running) ? [process.execPath, running] : [running];
  const onPath = (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "pnpm")));
  return onPath ? ["pnpm"] : ["npx", "--yes", readManifest("").packageManager ?? "pnpm"];
}
