import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";

/** Something else that keeps the newest of a series of values. */
export interface Saver {
  save(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** Replaces one file: a temporary file, fsync, rename. It does not sync the directory, so that after a power cut the file before may be there. */
export function writeFileAtomicSaver(directory: string): Saver {
  return { save: (bytes) => writeFileAtomic(join(directory, "state.bin"), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)), close: () => undefined };
}

/**
 * Replaces a row, with `synchronous = FULL`; a text that says why not, where it cannot be had: it is built for newer versions of Node, and ends older
 * ones when it is loaded.
 */
export async function sqliteRowSaver(directory: string): Promise<Saver | string> {
  const name = "better-sqlite3";
  if (Number(process.versions.node.split(".")[0]) < 22) return "it is not for this version of Node";
  const module: unknown = await import(name).catch(() => undefined);
  if (!isSqlite(module)) return "not installed";
  const db = new module.default(join(directory, "state.sqlite"));
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE state (id INTEGER PRIMARY KEY, value BLOB NOT NULL)");
  const replace = db.prepare("INSERT OR REPLACE INTO state VALUES (1, ?)");
  return {
    save: (bytes) => {
      replace.run(bytes);
      return Promise.resolve();
    },
    close: () => {
      db.close();
    },
  };
}

/** What is used of it. */
interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): { run(value: Uint8Array): unknown };
  close(): unknown;
}

function isSqlite(module: unknown): module is { readonly default: new (path: string) => Database } {
  return typeof module === "object" && module !== null && "default" in module && typeof module.default === "function";
}
