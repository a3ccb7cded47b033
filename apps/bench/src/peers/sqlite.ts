import { join } from "node:path";

import type { MissingPeer, Peer } from "./store.js";

/**
 * node:sqlite, where Node has it (from 22.5 on, without a flag from 22.13 on). Its calls are synchronous: concurrent appenders come
 * one after the other, a transaction each. `synchronous = FULL` makes COMMIT wait for the write-ahead log's flush.
 */
export async function loadSqlite(): Promise<Peer | MissingPeer> {
  const name = "node:sqlite";
  const DatabaseSync = await databaseClass(name);
  if (DatabaseSync === undefined) return { name, missing: "not on this Node" };
  return {
    name,
    setting: "journal_mode = WAL, synchronous = FULL, a transaction for each append or batch",
    open: (directory) => {
      const db = new DatabaseSync(join(directory, "bench.sqlite"));
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, value BLOB NOT NULL)");
      const insert = db.prepare("INSERT INTO log (value) VALUES (?)");
      const all = db.prepare("SELECT value FROM log ORDER BY seq");
      const done = Promise.resolve();
      return Promise.resolve({
        append: (record) => {
          insert.run(record);
          return done;
        },
        appendBatch: (records) => {
          db.exec("BEGIN");
          for (const record of records) insert.run(record);
          db.exec("COMMIT");
          return done;
        },
        replay: () => {
          let records = 0;
          let bytes = 0;
          for (const row of all.iterate?.() ?? all.all()) {
            records += 1;
            bytes += valueLength(row);
          }
          return Promise.resolve({ records, bytes });
        },
        close: () => {
          db.close();
          return done;
        },
      });
    },
  };
}

/** What is used of node:sqlite; the types of the oldest supported Node do not have it. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** A statement that is prepared, and the values that it takes. */
export interface Statement {
  run(...values: readonly (Uint8Array | string | number)[]): unknown;
  all(...values: readonly (Uint8Array | string | number)[]): readonly unknown[];
  /** Missing before Node 22.13. */
  iterate?(): Iterable<unknown>;
}

/** The constructor of a database in a file. */
export type DatabaseClass = new (path: string) => Database;

/** `DatabaseSync` of node:sqlite, if this Node has it. */
export async function databaseClass(module = "node:sqlite"): Promise<DatabaseClass | undefined> {
  const found: unknown = await import(module).catch(() => undefined);
  return hasDatabase(found) ? found.DatabaseSync : undefined;
}

function hasDatabase(value: unknown): value is { readonly DatabaseSync: DatabaseClass } {
  return typeof value === "object" && value !== null && "DatabaseSync" in value && typeof value.DatabaseSync === "function";
}

function valueLength(row: unknown): number {
  if (typeof row === "object" && row !== null && "value" in row && row.value instanceof Uint8Array) return row.value.length;
  throw new Error("node:sqlite answered a row without a value.");
}
