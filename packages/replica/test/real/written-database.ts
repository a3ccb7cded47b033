import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fsBackend } from "@holdfast/storage-fs";
import { seededRandom } from "@holdfast/storage-sim";
import { newGenerationName } from "../../src/generation-name.js";
import { replicaClient } from "../../src/replica-client.js";
import { runPython } from "./programs.js";

/** A database that was replicated by our client alone. */
export interface WrittenDatabase {
  readonly generation: string;
  /** What the database was at the end of each index, as SQLite's checkpoint wrote it. */
  readonly databases: readonly Uint8Array[];
}

/** Writes a database in four rounds, each one an index with a segment for each commit, and replicates it with our client to `root`. */
export async function writtenDatabase(directory: string, root: string): Promise<WrittenDatabase> {
  const rounds = JSON.parse(runPython(SCRIPT, [directory])) as readonly (readonly number[])[];
  const storage = await fsBackend({ root });
  const client = replicaClient({ storage, prefix: "", layout: "litestream-v0.3" });
  const generation = newGenerationName(seededRandom(7));
  await client.writeSnapshot(generation, 0n, await file("0.snapshot"));
  const databases: Uint8Array[] = [];
  for (const [index, ends] of rounds.entries()) {
    const wal = await file(`${index}.wal`);
    for (const [at, end] of ends.entries()) {
      const start = ends[at - 1] ?? 0;
      await client.writeWalSegment({ generation, index: BigInt(index), offset: BigInt(start) }, wal.subarray(start, end));
    }
    databases.push(await file(`${index}.database`));
  }
  await storage.close();
  return { generation, databases };

  async function file(name: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(join(directory, name)));
  }
}

/** After each commit it notes how long the WAL is; behind each round it copies the WAL, and the database that a checkpoint made. */
const SCRIPT = `
import json, os, shutil, sqlite3, sys
os.chdir(sys.argv[1])
db = sqlite3.connect("written.db", isolation_level=None)
for statement in ("pragma page_size = 1024", "pragma journal_mode = wal", "pragma wal_autocheckpoint = 0", "create table t (id integer primary key, v blob)", "pragma wal_checkpoint(truncate)"):
    db.execute(statement).fetchall()
shutil.copy("written.db", "0.snapshot")
rounds = []
for index in range(4):
    ends = []
    for commit in range(5):
        db.execute("begin")
        db.executemany("insert into t (v) values (?)", [(os.urandom(90) * (3 + commit),) for _ in range(4 * index + commit + 1)])
        db.execute("delete from t where id % 7 = ?", (commit,))
        db.execute("commit")
        ends.append(os.path.getsize("written.db-wal"))
    shutil.copy("written.db-wal", f"{index}.wal")
    db.execute("pragma wal_checkpoint(truncate)").fetchall()
    shutil.copy("written.db", f"{index}.database")
    rounds.append(ends)
db.close()
print(json.dumps(rounds))`;
