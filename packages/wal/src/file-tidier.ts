import { announceProblem } from "./diagnostics.js";
import type { RecoveredFiles } from "./file-recovery.js";
import type { SegmentFiles } from "./segment-files.js";

/** What a handle needs of its files now. */
export interface FilesInUse {
  /** The lowest segment that is kept, as a begin or trim frame of this handle states. */
  readonly floorNumber: () => number;
  /** The segment that is written to, 0 before there is one. */
  readonly currentNumber: () => number;
}

/**
 * Removes files that nobody needs any more, behind the commits and one after the other. What fails there is tried again by the
 * next trim or opening.
 */
export class FileTidier {
  readonly #prefix: string;
  readonly #files: SegmentFiles;
  readonly #found: RecoveredFiles;
  readonly #inUse: FilesInUse;
  #isSettled = false;
  #background: Promise<void> = Promise.resolve();

  constructor(prefix: string, files: SegmentFiles, found: RecoveredFiles, inUse: FilesInUse) {
    this.#prefix = prefix;
    this.#files = files;
    this.#found = found;
    this.#inUse = inUse;
  }

  /** This handle's segment is known to last, so what it replaces may go. */
  settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.run("remove what an interrupted opening left", () => this.#tidy());
  }

  /** There is a new floor. `isSettled`: and it stands in a frame, so that this handle's segment will last. */
  trimmed(isSettled: boolean): void {
    this.#isSettled ||= isSettled;
    this.run("remove trimmed segments", () => this.#tidy());
  }

  run(what: string, action: () => Promise<void>): void {
    this.#background = this.#background.then(action).catch((error: unknown) => {
      announceProblem(this.#prefix, what, error);
    });
  }

  /** Resolves when everything so far was done. */
  done(): Promise<void> {
    return this.#background;
  }

  /** Removes what is below the floor and what interrupted openings left. */
  async #tidy(): Promise<void> {
    const files = this.#files;
    await files.remove(files.numbers.filter((number) => number < this.#inUse.floorNumber()));
    // Asked now and not before the removal, which may take so long that segments are begun and filled meanwhile.
    const history = new Set(this.#found.chain.segments.map((segment) => segment.number));
    // Voids only once this handle's segment is sure to last, and the newest first: one may name an older one, which must not
    // go before it, or damage to the end of this handle's segment would make it look as if a segment were missing.
    const voids = this.#isSettled ? files.numbers.filter((number) => !history.has(number) && this.#isVoid(number)) : [];
    for (const number of voids.sort((a, b) => b - a)) await files.remove([number]);
    await files.keepReserve();
  }

  /** Left by interrupted openings, replaced by this handle's segment, or begun by this handle and given up. */
  #isVoid(number: number): boolean {
    const { voids, head, newNumber } = this.#found;
    const isOwn = number >= newNumber && number < this.#inUse.currentNumber();
    return isOwn || voids.includes(number) || number === head?.number;
  }
}
