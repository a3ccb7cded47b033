/** What is wrong with a text or a value; see `KinesisFaultReason` in the errors of the package for what each means. */
export type FaultReason =
  | "syntax"
  | "incomplete"
  | "utf8"
  | "trailing"
  | "too_deep"
  | "wrong_type"
  | "out_of_range"
  | "missing_field"
  | "duplicate_field"
  | "unknown_variant"
  | "wrong_length";

/** Where in a value: names of fields, and positions in lists. */
export type Path = readonly (string | number)[];

/** Thrown inside `format/`, and turned into an error of the package at its border. */
export class FormatFault extends Error {
  readonly reason: FaultReason;
  /** Such as `streams[0].shards[1].ShardId`; empty at the top. Positions instead of keys in maps, since keys are data. */
  readonly path: string;
  /** Byte offset in what is read. `undefined` when writing. */
  readonly offset: number | undefined;

  constructor(reason: FaultReason, message: string, path: Path, offset?: number) {
    const place = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("").replace(/^\./, "");
    super([message, place === "" ? "" : `in ${place}`, offset === undefined ? "" : `at byte ${offset}`].filter((part) => part !== "").join(" "));
    this.name = "FormatFault";
    this.reason = reason;
    this.path = place;
    this.offset = offset;
  }
}
