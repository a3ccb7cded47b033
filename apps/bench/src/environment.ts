import { readFile, realpath, statfs } from "node:fs/promises";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the figures were measured on. Names nothing that tells who the user is. */
export interface Environment {
  /** ISO 8601. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that ran or wanted to in the minute before, on average. */
  readonly load: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly architecture: string;
  /** Type and mount options of the file system that holds the scratch directory. */
  readonly fileSystem: string;
  readonly freeGiB: number;
  readonly node: string;
  /** Version of each package that is compared with. */
  readonly peers: Readonly<Record<string, string>>;
}

/** A file system as Linux lists it. */
export interface Mount {
  readonly mountPoint: string;
  readonly type: string;
  readonly options: string;
}

/** Looks at this machine. `directory` is where will be measured; `peers` are packages that can be imported from here. */
export async function describeEnvironment(directory: string, peers: readonly string[]): Promise<Environment> {
  const processors = cpus();
  const { bavail, bsize } = await statfs(directory);
  const versions = await Promise.all(peers.map(async (name) => [name, await packageVersion(name)] as const));
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    load: loadavg()[0] ?? 0,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    architecture: arch(),
    fileSystem: await fileSystemOf(directory),
    freeGiB: Math.floor((bavail * bsize) / 2 ** 30),
    node: process.version,
    peers: Object.fromEntries(versions),
  };
}

/**
 * Finds the mount that holds a path, in the text of /proc/self/mountinfo (format: proc(5)): the one with the longest mount point above
 * it, and of equals the last, which hides the others.
 */
export function findMount(mountInfo: string, path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountInfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const mountPoint = unescapeOctal(left?.split(" ")[4] ?? "");
    const [type, , superOptions] = right?.split(" ") ?? [];
    if (mountPoint === "" || type === undefined) continue;
    const isAbove = mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (isAbove && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = { mountPoint, type, options: superOptions ?? "" };
  }
  return found;
}

async function fileSystemOf(directory: string): Promise<string> {
  if (process.platform === "linux") {
    const mount = findMount(await readFile("/proc/self/mountinfo", "utf8"), await realpath(directory));
    if (mount !== undefined) return mount.options === "" ? mount.type : `${mount.type} (${withoutPaths(mount.options)})`;
  }
  const { type: magic } = await statfs(directory);
  return `type 0x${magic.toString(16)}`;
}

/** Mount options may name directories (overlay) and hosts; they are nobody's business. */
function withoutPaths(options: string): string {
  return options
    .split(",")
    .filter((option) => !option.includes("/"))
    .join(",");
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Reads the version from the package.json above the file that an import of the package would load. */
async function packageVersion(name: string): Promise<string> {
  let directory: string;
  try {
    directory = dirname(fileURLToPath(import.meta.resolve(name)));
  } catch {
    return "not installed";
  }
  for (;;) {
    const description = await readJson(join(directory, "package.json"));
    if (isRecord(description) && description["name"] === name) return String(description["version"]);
    const parent = dirname(directory);
    if (parent === directory) return "unknown";
    directory = parent;
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return undefined; // no file there, or somebody else's: the caller goes on to the directory above
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
