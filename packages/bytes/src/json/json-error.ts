import { BytesError } from "../errors.js";

/**
 * What is wrong with a text or a value.
 *
 * - `syntax`: not JSON. `incomplete`: the JSON ends too early. `trailing`: something stands behind it.
 * - `utf8`: not UTF-8, or half a character.
 * - `too_deep`: nested deeper than 128.
 * - `wrong_type`: another kind of value. `out_of_range`: a number that the field cannot hold. `unknown_variant`: none of the texts.
 * - `missing_field`, `duplicate_field`: of an object. `wrong_length`: of an array with a fixed length.
 */
export type JsonFaultReason =
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
export type JsonPath = readonly (string | number)[];

/** BYTES_INVALID_JSON, with what is wrong and where. `offset` is that of a byte in what is read, and `undefined` when writing. */
export class JsonError extends BytesError {
  readonly reason: JsonFaultReason;
  /** Such as `streams[0].shards[1].ShardId`; empty at the top. */
  readonly path: string;

  constructor(operation: string, reason: JsonFaultReason, message: string, path: JsonPath, offset?: number) {
    const place = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("").replace(/^\./, "");
    const parts = [message, place === "" ? "" : `in ${place}`, offset === undefined ? "" : `at byte ${offset}`];
    super("BYTES_INVALID_JSON", parts.filter((part) => part !== "").join(" "), { operation, offset });
    this.reason = reason;
    this.path = place;
  }
}
