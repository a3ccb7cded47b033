import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

/** A store that takes one record after the other. */
export interface Peer {
  /** As it stands in the table. */
  readonly name: string;
  /** The npm package whose version is told. `undefined`: this repository. */
  readonly package: string | undefined;
  /** How it is asked to be durable: of its settings the one that promises most. */
  readonly settings: string;
  /** Opens what is in a directory, or begins. */
  open(directory: string): Promise<OpenPeer>;
}

/** A store that is open. */
export interface OpenPeer {
  /** Resolves when the store says that the record is kept. @param index - From 1, each one more than the last. */
  append(index: number, bytes: Uint8Array): Promise<void>;
  /** Everything that is there. */
  records(): Promise<ReadonlyMap<number, Uint8Array>>;
  close(): Promise<void>;
}

/** All that are compared. Their packages are loaded when they are opened. */
export const peers: readonly Peer[] = [
  { name: "@holdfast/wal", package: undefined, settings: "defaults: each append synced", open: openHoldfast },
  { name: "better-sqlite3", package: "better-sqlite3", settings: "journal_mode = WAL, synchronous = FULL, one INSERT a transaction", open: openSqlite },
  { name: "lmdb", package: "lmdb", settings: "overlappingSync: false, await put()", open: (directory) => openLmdb(directory, false) },
  { name: "lmdb, its defaults", package: "lmdb", settings: "await put(), then await flushed", open: (directory) => openLmdb(directory, true) },
  { name: "classic-level", package: "classic-level", settings: "put(…, { sync: true })", open: openLevel },
  { name: "write-file-atomic", package: "write-file-atomic", settings: "defaults (fsync: true); all records in one JSON file, written anew", open: openAtomicFile },
  { name: "lowdb", package: "lowdb", settings: "JSONFilePreset, await write()", open: openLowdb },
];

async function openHoldfast(directory: string): Promise<OpenPeer> {
  const storage = await fsBackend({ root: directory });
  const log = await openLog({ storage, prefix: "log" });
  return {
    append: async (_index, bytes) => {
      await log.append(bytes);
    },
    records: async () => {
      const records = new Map<number, Uint8Array>();
      for await (const { seq, value } of log.read()) records.set(seq, value);
      return records;
    },
    close: async () => {
      await log.close();
      await storage.close();
    },
  };
}

async function openSqlite(directory: string): Promise<OpenPeer> {
  const { default: Database } = await import("better-sqlite3");
  const database = new Database(join(directory, "records.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec("CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, value BLOB NOT NULL)");
  const insert = database.prepare<[number, Uint8Array]>("INSERT INTO records VALUES (?, ?)");
  return {
    append: (index, bytes) => {
      insert.run(index, bytes);
      return Promise.resolve();
    },
    records: () => {
      const rows = database.prepare<[], { number: number; value: Uint8Array }>("SELECT number, value FROM records").all();
      return Promise.resolve(new Map(rows.map(({ number, value }) => [number, value])));
    },
    close: () => {
      database.close();
      return Promise.resolve();
    },
  };
}

async function openLmdb(directory: string, isOverlapping: boolean): Promise<OpenPeer> {
  const { open } = await import("lmdb");
  const database = open<Uint8Array, number>(join(directory, "records.lmdb"), { overlappingSync: isOverlapping, encoding: "binary", keyEncoding: "uint32" });
  return {
    append: async (index, bytes) => {
      await database.put(index, bytes);
      if (isOverlapping) await database.flushed;
    },
    records: () => Promise.resolve(new Map([...database.getRange()].map(({ key, value }) => [key, Buffer.from(value)]))),
    close: () => database.close(),
  };
}

async function openLevel(directory: string): Promise<OpenPeer> {
  const { ClassicLevel } = await import("classic-level");
  const database = new ClassicLevel<string, Uint8Array>(join(directory, "records"), { valueEncoding: "view" });
  await database.open();
  return {
    append: (index, bytes) => database.put(String(index), bytes, { sync: true }),
    records: async () => {
      const records = new Map<number, Uint8Array>();
      for await (const [key, value] of database.iterator()) records.set(Number(key), value);
      return records;
    },
    close: () => database.close(),
  };
}

async function openAtomicFile(directory: string): Promise<OpenPeer> {
  const { default: writeFileAtomic } = await import("write-file-atomic");
  const file = join(directory, "records.json");
  const texts = await readFile(file, "utf8").then(parseTexts, (error: unknown): string[] => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return {
    append: async (_index, bytes) => {
      texts.push(Buffer.from(bytes).toString("base64"));
      await writeFileAtomic(file, JSON.stringify(texts));
    },
    records: () => Promise.resolve(numbered(texts)),
    close: () => Promise.resolve(),
  };
}

async function openLowdb(directory: string): Promise<OpenPeer> {
  const { JSONFilePreset } = await import("lowdb/node");
  const database = await JSONFilePreset<string[]>(join(directory, "records.json"), []);
  return {
    append: async (_index, bytes) => {
      database.data.push(Buffer.from(bytes).toString("base64"));
      await database.write();
    },
    records: () => Promise.resolve(numbered(database.data)),
    close: () => Promise.resolve(),
  };
}

function parseTexts(json: string): string[] {
  const value: unknown = JSON.parse(json);
  if (!Array.isArray(value)) throw new TypeError("the file holds no list");
  return value.map(String);
}

function numbered(texts: readonly string[]): ReadonlyMap<number, Uint8Array> {
  return new Map(texts.map((text, index) => [index + 1, Buffer.from(text, "base64")]));
}
