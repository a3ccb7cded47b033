/** An invariant of the table in docs/reliability.md. */
export type Invariant = `I${number}`;

/** A store broke a promise. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly invariant: Invariant;

  /** @param message - What was promised and what was found. */
  constructor(invariant: Invariant, message: string, options?: { readonly cause?: unknown }) {
    super(`${invariant}: ${message}`, options?.cause === undefined ? undefined : { cause: options.cause });
    this.invariant = invariant;
  }
}
