import type { FileMark } from "../files/file-mark.js";
import type { ProjectionChanges } from "../files/prepare-projection.js";
import type { EventRecord, TranscriptRecord } from "../format/model.js";
import type { ChangedFile, Change } from "../stored/change.js";
import type { RuntimeState } from "./runtime-state.js";

/**
 * What of a runtime is in its files: how they were when the last batch was finished, which batch is on its way, and what comes behind it.
 * The same after a replay as it was in the process that wrote.
 */
export class ProjectionState {
  #files = new Map<string, FileMark>();
  /** Begun, and not known to be finished. */
  batch: ProjectionChanges | undefined;
  /** `events.jsonl` is being written anew; then it has this mark. */
  rewriting: FileMark | undefined;
  /** `events.jsonl` has events that were trimmed. */
  isTrimmed = false;
  /** Since it began to be written anew. */
  #isTrimmedAgain = false;
  #unwritten = new Unwritten();

  /** Marks by path below the runtime's directory. */
  get files(): ReadonlyMap<string, FileMark> {
    return this.#files;
  }

  /** Whether there are mutations that are in no batch yet. */
  get isBehind(): boolean {
    return !this.#unwritten.isEmpty;
  }

  /** Of the events that are in no batch yet, the first one's id. */
  get firstUnwritten(): bigint | undefined {
    return this.#unwritten.events[0]?.id;
  }

  /** With nothing on its way. */
  copyOfFiles(): ProjectionState {
    const copy = new ProjectionState();
    copy.#files = new Map(this.#files);
    copy.isTrimmed = this.isTrimmed;
    return copy;
  }

  setFiles(files: readonly ChangedFile[]): void {
    for (const { path, mark } of files) {
      if (mark === undefined) this.#files.delete(path);
      else this.#files.set(path, mark);
    }
  }

  /** Everything is in the files, and this is how they are. */
  replaceFiles(files: ReadonlyMap<string, FileMark>): void {
    this.#files = new Map(files);
    this.batch = undefined;
    this.rewriting = undefined;
    this.isTrimmed = false;
    this.#unwritten = new Unwritten();
  }

  /** A change is about to be applied to `state`. */
  note(change: Change, state: RuntimeState): void {
    if (change.type === "projecting") {
      this.batch = this.#unwritten.asOf(state);
      this.#unwritten = new Unwritten();
    } else if (change.type === "rewriting") {
      this.rewriting = change.mark;
      this.#isTrimmedAgain = false;
    } else if (change.type === "projected") {
      const { rewriting } = this;
      if (rewriting !== undefined && change.files.some(({ mark }) => mark?.bytes === rewriting.bytes && mark.crc32c === rewriting.crc32c)) this.isTrimmed = this.#isTrimmedAgain;
      this.setFiles(change.files);
      this.batch = undefined;
      this.rewriting = undefined;
    } else if (change.type === "trimmed") {
      this.isTrimmed = true;
      this.#isTrimmedAgain = true;
    }
    // What is of no file is passed over there.
    this.#unwritten.note(change, state);
  }
}

/** Mutations that are in no file. */
class Unwritten {
  #runtime = false;
  readonly #workers = new Set<string>();
  readonly events: EventRecord[] = [];
  #entries: TranscriptRecord[] = [];
  readonly #deleted: string[] = [];

  get isEmpty(): boolean {
    return !this.#runtime && this.#workers.size === 0 && this.events.length === 0 && this.#deleted.length === 0;
  }

  /** With everything as it is in `state`, to which all of them were applied. */
  asOf(state: RuntimeState): ProjectionChanges {
    const workers = [...this.#workers].flatMap((workerId) => state.workers.get(workerId)?.record ?? []);
    return { runtime: this.#runtime ? state.record : undefined, workers, events: this.events, entries: this.#entries, deletedWorkers: this.#deleted };
  }

  note(change: Change, state: RuntimeState): void {
    switch (change.type) {
      case "event":
        this.#runtime = true;
        this.events.push(change.event);
        if (change.event.workerRef !== undefined && state.workers.has(change.event.workerRef.workerId)) this.#workers.add(change.event.workerRef.workerId);
        return;
      case "entry":
        this.#entries.push(change.entry);
        this.#workers.add(change.entry.workerRef.workerId);
        return;
      case "worker":
        this.#runtime = true;
        this.#workers.add(change.worker.workerRef.workerId);
        return;
      case "status":
        this.#workers.add(change.workerId);
        return;
      case "stopped":
        this.#runtime = true;
        for (const [workerId, { record }] of state.workers) if (record.status === "running") this.#workers.add(workerId);
        return;
      case "started":
      case "diagnostic":
        this.#runtime = true;
        return;
      case "deleted":
        this.#runtime = true;
        this.#workers.delete(change.workerId);
        this.#entries = this.#entries.filter(({ workerRef }) => workerRef.workerId !== change.workerId);
        this.#deleted.push(change.workerId);
        return;
      case "trimmed":
      case "sealed":
      case "imported":
      case "projecting":
      case "rewriting":
      case "projected":
    }
  }
}
