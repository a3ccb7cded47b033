import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What these tests look at in a package.json. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly type?: string;
  readonly packageManager?: string;
  readonly sideEffects?: boolean;
  readonly engines?: { readonly node?: string };
  readonly exports?: Readonly<Record<string, string | { readonly types?: string; readonly default?: string }>>;
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean };
  readonly repository?: { readonly directory?: string };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A package of the workspace. */
export interface WorkspacePackage {
  /** The name of its directory: `"storage-fs"`. */
  readonly short: string;
  /** From the root of the repository: `"packages/storage-fs"`. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** The root of the repository, without a slash at its end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The packages, in the order of their names. */
export const packages: readonly WorkspacePackage[] = workspacePackages("packages");

/** Those that others get. */
export const published: readonly WorkspacePackage[] = packages.filter(({ manifest }) => manifest.private !== true);

/** The programs, which nobody gets. */
export const apps: readonly WorkspacePackage[] = workspacePackages("apps");

/** Text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

export function readManifest(directory: string): Manifest {
  return JSON.parse(readText(join(directory, "package.json"))) as Manifest;
}

/** What git knows and what it would add: everything that is not ignored. Paths from the root of the repository. */
export function repositoryFiles(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
  return listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
}

/** Every file below a directory with this ending. Paths from the root of the repository. */
export function filesBelow(directory: string, ending: string): readonly string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(directory, path))
    .sort();
}

function workspacePackages(parent: string): readonly WorkspacePackage[] {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, parent, entry.name, "package.json")))
    .map(({ name }) => ({ short: name, directory: `${parent}/${name}`, manifest: readManifest(`${parent}/${name}`) }))
    .sort((a, b) => (a.short < b.short ? -1 : 1));
}
