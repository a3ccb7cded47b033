import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dumpFile, sql, whileReplicating } from "./programs.js";

/** A database that litestream has replicated. */
export interface ReplicatedDatabase {
  /** Where its replica is. */
  readonly root: string;
  readonly generation: string;
  /** What is in the database, as SQL. */
  readonly content: string;
}

/**
 * Makes a small database, and lets litestream replicate it while it is written: several snapshots, indexes, and segments of each.
 *
 * @param bytes - Of the database that it begins with. Default: a few pages.
 */
export async function replicatedDatabase(program: string, directory: string, bytes = 0): Promise<ReplicatedDatabase> {
  const [database, root, config] = [join(directory, "stock.db"), join(directory, "replica"), join(directory, "litestream.yml")];
  await writeFile(
    config,
    JSON.stringify({
      dbs: [
        {
          path: database,
          "monitor-interval": "20ms",
          "min-checkpoint-page-count": 12,
          replicas: [{ type: "file", path: root, "sync-interval": "40ms", "snapshot-interval": "500ms" }],
        },
      ],
    }),
  );
  // Large pages can be filled with one row each.
  const pageBytes = bytes > 0 ? 65_536 : 512;
  sql(database, [`pragma page_size = ${pageBytes}`, "pragma journal_mode = wal", "create table stock (id integer primary key, name text, amount integer)"]);
  if (bytes > 0) fill(database, bytes / pageBytes);
  await whileReplicating(program, config, async () => {
    await until(async () => (await names(root, "snapshots")).length > 0);
    const replicated = async (statements: readonly string[]): Promise<void> => {
      const before = (await names(root, "wal")).length;
      sql(database, statements);
      await until(async () => (await names(root, "wal")).length > before);
    };
    for (let round = 1; round <= 9; round += 1) {
      await replicated([
        `insert into stock (name, amount) values ${Array.from({ length: 6 }, (_, i) => `('part ${round}.${i}', ${round * i})`).join(", ")}`,
        `update stock set amount = amount + 1 where id % 3 = ${round % 3}`,
        `delete from stock where id = ${round}`,
      ]);
    }
    // So little that the last index has several segments.
    for (let id = 40; id < 46; id += 1) await replicated([`update stock set amount = amount - 1 where id = ${id}`]);
    await until(async () => (await names(root, "snapshots")).length > 1);
    await until(() => isQuiet(root));
  });
  const [generation] = await readdir(join(root, "generations"));
  if (generation === undefined) throw new Error("litestream has made no generation");
  return { root, generation, content: dumpFile(database) };
}

/** Fills a database of pages of 64 KiB to so many pages, those of litestream's own tables among them. */
function fill(database: string, pages: number): void {
  sql(database, ["create table _litestream_seq (id integer primary key, seq integer)", "create table _litestream_lock (id integer)", "create table filling (bytes blob)"]);
  const row = "insert into filling values (zeroblob(60000))";
  const [[found]] = sql(database, [row, row, "pragma page_count"]) as [[number]];
  sql(database, [...Array.from({ length: pages - found }, () => row), "pragma wal_checkpoint(truncate)"]);
}

/** The names of the objects of the only generation. */
async function names(root: string, kind: "snapshots" | "wal"): Promise<readonly string[]> {
  const generations = await readdir(join(root, "generations")).catch(() => []);
  const [generation] = generations;
  return generation === undefined ? [] : readdir(join(root, "generations", generation, kind)).catch(() => []);
}

/** Whether half a second goes by without a new segment: many times as long as litestream waits between two looks. */
async function isQuiet(root: string): Promise<boolean> {
  const before = await names(root, "wal");
  await sleep(500);
  return before.join() === (await names(root, "wal")).join();
}

/** Looks again and again, for at most 20 seconds. */
async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
    if (await reached()) return;
    await sleep(20);
  }
  throw new Error("litestream has not done within 20 s what was waited for");
}
