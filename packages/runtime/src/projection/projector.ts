import type { StorageBackend, StoragePrefix } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { applyProjection } from "../files/apply-projection.js";
import type { DirectoryAccess } from "../files/directory-access.js";
import type { KnownFiles } from "../files/known-files.js";
import { hasBytesOf } from "../files/file-mark.js";
import { eventsKey } from "../files/layout.js";
import { prepareProjection } from "../files/prepare-projection.js";
import { writeAgain } from "../files/write-again.js";
import { writeEvents } from "../files/write-runtime-files.js";
import type { EventRecord } from "../format/model.js";
import { cutState, type Cut } from "../pages/cut.js";
import type { PageStore } from "../pages/page-store.js";
import type { ProjectionState } from "../state/projection-state.js";
import type { RuntimeState } from "../state/runtime-state.js";
import type { Change } from "../stored/change.js";
import type { RuntimeProblem } from "../types.js";
import { keptEvents, markOfEvents } from "./kept-content.js";
import { changedFile, keyedMarks } from "./marks.js";

/** Where the files are. */
export interface ProjectionPlace {
  readonly storage: StorageBackend;
  /** The directory of the runtime. */
  readonly prefix: StoragePrefix;
  readonly directories: DirectoryAccess | undefined;
  readonly known: KnownFiles | undefined;
  /** Milliseconds after a mutation until it is in the files. */
  readonly everyMs: number;
}

/** What a projector needs. */
export interface ProjectorParts {
  readonly place: ProjectionPlace;
  readonly state: RuntimeState;
  readonly projection: ProjectionState;
  readonly pages: PageStore;
  readonly maxDiagnostics: number;
  readonly clock: Clock;
  /** Commits to the journal. `applied` is called in the turn in which the state has the change, and nothing behind it. */
  readonly commit: (changes: readonly Change[], applied?: () => void) => Promise<void>;
  readonly failed: (operation: RuntimeProblem["operation"], error: unknown) => void;
}

/**
 * Brings the files up to date behind the journal, batch by batch:
 *
 * 1. `projecting` is committed: the batch is everything before it that is in no batch yet;
 * 2. the files are written;
 * 3. `projected` is committed, with how they are now.
 *
 * A batch that was interrupted is made again from the journal, to the byte, and written again. So of every file it is known how it was
 * before, and what it may have become, and that somebody else wrote to it.
 */
export class Projector {
  readonly #parts: ProjectorParts;
  #running: Promise<unknown> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
  }

  /** A mutation was committed. */
  changed(): void {
    const { place, clock, projection } = this.#parts;
    if (this.#cancelTimer !== undefined || this.#closed || (!projection.isBehind && projection.batch === undefined)) return;
    this.#cancelTimer = clock.setTimer(
      () => {
        this.#cancelTimer = undefined;
        // Told in `health`, and tried again behind the next mutation.
        this.project().catch(() => undefined);
      },
      place.everyMs,
      { ref: false },
    );
  }

  /** Writes everything that is durable when it begins. One at a time. @throws RUNTIME_DIVERGED; what the storage or the log says. */
  async project(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#finishBatch();
      if (this.#parts.projection.isBehind) {
        await this.#parts.commit([{ type: "projecting" }]);
        await this.#finishBatch();
      }
    });
  }

  /** As `project`, and `events.jsonl` without what was trimmed. */
  async complete(): Promise<void> {
    await this.project();
    await this.#inTurn(() => this.#dropTrimmed());
  }

  /** A cut of a state whose files are complete, and go on from there. @throws as `project`. */
  freeze(taken: () => void): Promise<Cut> {
    return this.#inTurn(async () => {
      const { state, maxDiagnostics, projection, commit } = this.#parts;
      await this.#finishBatch();
      let cut: Cut | undefined;
      await commit([{ type: "projecting" }], () => {
        cut = cutState(state, maxDiagnostics);
        taken();
      });
      await this.#finishBatch();
      if (cut === undefined) throw new Error("a commit that was not applied");
      cut.frame.projection = projection.copyOfFiles();
      return cut;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    await this.complete().then(() => this.#remember()).catch(() => undefined);
  }

  /** So that the next opening need not read files that nobody touched. */
  async #remember(): Promise<void> {
    const { place, projection } = this.#parts;
    if (!projection.isBehind && projection.batch === undefined) await place.known?.remember(place.prefix, keyedMarks(place.prefix, projection.files));
  }

  async #finishBatch(): Promise<void> {
    const { place, projection, commit } = this.#parts;
    await this.#settleRewriting();
    if (projection.batch === undefined) return;
    const prepared = prepareProjection(place.prefix, keyedMarks(place.prefix, projection.files), projection.batch);
    await applyProjection(prepared, place);
    await commit([{ type: "projected", files: prepared.steps.map(({ key, after }) => changedFile(place.prefix, key, after)) }]);
  }

  /** The events that are kept and in the files, anew. What is behind them is appended to the new file. */
  async #dropTrimmed(): Promise<void> {
    const { place, projection, commit, state, pages } = this.#parts;
    if (!projection.isTrimmed && projection.rewriting === undefined) return;
    const { eventFloor } = state;
    const before = projection.firstUnwritten ?? 2n ** 64n;
    const events = (): AsyncIterable<EventRecord> => keptEvents({ state, pages }, eventFloor, before);
    const mark = await markOfEvents(events());
    await commit([{ type: "rewriting", mark }]);
    await writeEvents(events, place);
    await commit([{ type: "projected", files: [changedFile(place.prefix, eventsKey(place.prefix), mark)] }]);
  }

  /** Events that were to be written anew when something failed: if they were, they are written once more, since that they can be read does not mean that they are durable. */
  async #settleRewriting(): Promise<void> {
    const { place, projection, commit } = this.#parts;
    const { storage, prefix } = place;
    const mark = projection.rewriting;
    const key = eventsKey(prefix);
    if (mark === undefined || (await storage.stat(key))?.size !== mark.bytes || !(await hasBytesOf(storage, key, mark))) return;
    await writeAgain(storage, key, mark);
    await commit([{ type: "projected", files: [changedFile(prefix, key, mark)] }]);
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const before = this.#running;
    const running = (async () => {
      await before.catch(() => undefined);
      return run();
    })();
    this.#running = running;
    try {
      return await running;
    } catch (error) {
      this.#parts.failed("project", error);
      throw error;
    }
  }
}
