import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Litestream 0.3, whose layout is written and read: a path, as the environment names it. */
export const litestream: string | undefined = fromEnvironment("HOLDFAST_LITESTREAM");

/** A litestream that writes another format, and restores replicas of 0.3. */
export const newerLitestream: string | undefined = fromEnvironment("HOLDFAST_LITESTREAM_NEWER");

/** `lz4-judge.go.txt` of this directory, built with the LZ4 library of litestream. */
export const lz4Judge: string | undefined = fromEnvironment("HOLDFAST_LZ4_JUDGE");

/** Python, for its SQLite. */
const python = "python3";

/** A directory that is removed behind the work. */
export async function inScratch<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-litestream-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What a program made of its input. */
export interface Answer {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], input: Uint8Array = new Uint8Array()): Answer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 1 << 28, timeout: 60_000, killSignal: "SIGKILL" });
  if (error !== undefined) throw error;
  return { status, stdout, stderr: stderr.toString() };
}

/** What `litestream restore` made of a replica: a database, or the last line that it said. */
export type RestoreAnswer = { readonly database: Uint8Array } | { readonly error: string };

/** Lets a litestream restore the replica at `root`. */
export async function restoreBy(program: string, root: string, args: readonly string[] = []): Promise<RestoreAnswer> {
  return inScratch(async (directory) => {
    const output = join(directory, "restored.db");
    const { status, stderr } = run(program, ["restore", "-o", output, ...args, `file://${root}`]);
    if (status !== 0) return { error: stderr.trim().split("\n").at(-1)!.replace(/^.*?msg=/, "") };
    return { database: new Uint8Array(await readFile(output)) };
  });
}

/** Runs SQL on a database, each statement a transaction of its own, and closes it. @returns The rows of the last one. */
export function sql(database: string, statements: readonly string[]): unknown {
  const script = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in json.load(sys.stdin):
    rows = db.execute(statement).fetchall()
db.close()
print(json.dumps(rows))`;
  return JSON.parse(runPython(script, [database], JSON.stringify(statements)));
}

/** The whole content of a database as SQL, once it was found whole. */
export async function dump(database: Uint8Array, wal?: Uint8Array): Promise<string> {
  return inScratch(async (directory) => {
    const path = join(directory, "dumped.db");
    await writeFile(path, database);
    if (wal !== undefined) await writeFile(`${path}-wal`, wal);
    return dumpFile(path);
  });
}

/** As {@link dump}, of a file. */
export function dumpFile(path: string): string {
  const script = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
found = db.execute("pragma integrity_check").fetchall()
if found != [("ok",)]: sys.exit(str(found))
print("\\n".join(line for line in db.iterdump()))`;
  return runPython(script, [path]);
}

/** Lets SQLite itself put a WAL into a database, by a checkpoint. */
export async function checkpointedBySqlite(database: Uint8Array, wal: Uint8Array): Promise<Uint8Array> {
  return inScratch(async (directory) => {
    const path = join(directory, "checkpointed.db");
    await writeFile(path, database);
    await writeFile(`${path}-wal`, wal);
    sql(path, ["pragma wal_checkpoint(truncate)"]);
    return new Uint8Array(await readFile(path));
  });
}

/**
 * Replicates a database while the work goes on, then tells litestream to end. What it says then does not matter: a sync that is under way
 * may fail, and whether all has arrived is for the work to find out.
 */
export async function whileReplicating(program: string, config: string, work: () => Promise<void>): Promise<void> {
  const child = spawn(program, ["replicate", "-config", config], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const ended = new Promise<number | null>((resolve, reject) => child.once("exit", resolve).once("error", reject));
  try {
    // What litestream said is the first thing to look at when something has not come.
    const watched = work().catch((cause: unknown) => { throw new Error(`litestream said: ${said.slice(-4_000)}`, { cause }); });
    await Promise.race([watched, ended.then((status) => { throw new Error(`litestream ended with ${String(status)}: ${said}`); })]);
  } finally {
    child.kill("SIGINT");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await ended;
    clearTimeout(timer);
  }
}

/** Runs a script of Python. @returns What it printed. */
export function runPython(script: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = run(python, ["-c", script, ...args], Buffer.from(input));
  if (status !== 0) throw new Error(`SQLite says: ${stderr}`);
  return stdout.toString();
}

function fromEnvironment(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}
