import type { LogObjects } from "./log-objects.js";
import type { LogOrigin } from "./object-end.js";
import type { PositionIndex } from "./position-index.js";

/** A log on object storage as its cursors see it. What is known here may be old: a cursor finds out, and asks to look again. */
export interface ObjectHistory {
  readonly objects: LogObjects;
  readonly index: PositionIndex;
  /** Where the log begins, as last seen. */
  origin(): LogOrigin;
  /** The greatest position that is known. */
  newest(): number;
  /** Looks again where the log begins. */
  refreshOrigin(): Promise<void>;
  /** An object of the log that is in memory. */
  held(position: number): Uint8Array | undefined;
}
