import type { RuleName } from "./rules.js";

/** How much may happen in one history, and which parts of the protocol take part. */
export interface Bounds {
  /** Records appended, one a commit. */
  readonly appends: number;
  readonly processCrashes: number;
  readonly powerLosses: number;
  /** Writes and syncs that fail. */
  readonly failures: number;
  readonly trims: number;
  /** Blocks that become unreadable after they were durable. */
  readonly damages: number;
  /** Frames after which the writer takes the next segment, 1 to 4. Copies may go beyond. */
  readonly framesPerSegment: number;
  /** Power loss may leave garbage in a block that was not synced. */
  readonly garbage: boolean;
  /** Segments are filled with zeros before they are used. */
  readonly fill: boolean;
  /** Markers are written after the last frame. */
  readonly marker: boolean;
  /** The log may be closed with a seal. */
  readonly seal: boolean;
  /** The next segment is made ahead. */
  readonly ahead: boolean;
  /** Whenever recovery wants to copy, there is no room for it at first. */
  readonly fullDisk: boolean;
  /** Appends are acknowledged before they are synced. */
  readonly relaxed: boolean;
  /** The kernel may fail to write a dirty block back after the process is gone. Counts as a failure. */
  readonly writeBackFails: boolean;
  /** A reader follows in another process. */
  readonly reader: boolean;
  /** The first segment of a process takes the place of a small head. */
  readonly takesPlace: boolean;
  /** Which records are to survive damage even if what proved them is no longer there. */
  readonly provenStays: ProvenStays;
}

/**
 * `no`: only what is proven at the moment of the damage. `in the history`: what was ever proven in an established segment.
 * `anywhere`: what was ever proven in any file, copies of an interrupted opening included; this is more than is promised.
 */
export type ProvenStays = "no" | "in the history" | "anywhere";

/** What one search explores. */
export interface Configuration extends Bounds {
  /** The rule that this log does not keep. */
  readonly broken: RuleName | undefined;
}

const defaultBounds: Bounds = {
  appends: 2,
  processCrashes: 1,
  powerLosses: 1,
  failures: 0,
  trims: 0,
  damages: 0,
  framesPerSegment: 3,
  garbage: false,
  fill: false,
  marker: false,
  seal: false,
  ahead: false,
  fullDisk: false,
  relaxed: false,
  writeBackFails: false,
  reader: false,
  takesPlace: false,
  provenStays: "no",
};

/** The configuration with `bounds`, the default ones where they name nothing, of a log that does not keep the rule `broken`. */
export function configurationOf(bounds: Partial<Bounds>, broken?: RuleName): Configuration {
  return { ...defaultBounds, ...bounds, broken };
}

/** Whether the log of this configuration does not keep `rule`. */
export function breaks(configuration: Configuration, rule: RuleName): boolean {
  return configuration.broken === rule;
}
