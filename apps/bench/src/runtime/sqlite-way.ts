import { join } from "node:path";

import type { Database, DatabaseClass, Statement } from "../peers/sqlite.js";

/** A runtime in two tables, an input in one transaction. Its calls are synchronous: concurrent callers come one after the other. */
export class SqliteWay {
  readonly #db: Database;
  readonly #event: Statement;
  readonly #entry: Statement;
  #sequence = 0;

  /** @param directory - Empty. */
  constructor(DatabaseSync: DatabaseClass, directory: string) {
    this.#db = new DatabaseSync(join(directory, "runtime.sqlite"));
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    this.#db.exec("CREATE TABLE events (id INTEGER PRIMARY KEY, worker TEXT, kind TEXT NOT NULL, message TEXT NOT NULL)");
    this.#db.exec("CREATE TABLE entries (worker TEXT, sequence INTEGER, role TEXT, content TEXT, event_id INTEGER, PRIMARY KEY (worker, sequence)) WITHOUT ROWID");
    this.#event = this.#db.prepare("INSERT INTO events (worker, kind, message) VALUES (?, 'worker_input_accepted', 'worker input accepted')");
    this.#entry = this.#db.prepare("INSERT INTO entries VALUES (?, ?, 'user', ?, last_insert_rowid())");
  }

  /** Durable once resolved. */
  sendInput(worker: string, content: string): Promise<void> {
    this.#db.exec("BEGIN");
    this.#event.run(worker);
    this.#entry.run(worker, ++this.#sequence, content);
    this.#db.exec("COMMIT");
    return Promise.resolve();
  }

  close(): void {
    this.#db.close();
  }
}
