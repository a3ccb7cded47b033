import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Codec } from "./types.js";

/** Records are bytes. The default. What is read are views into larger buffers that nobody else writes to. */
export const bytesCodec: Codec<Uint8Array> = {
  name: "bytes",
  encode: (value) => value,
  decode: (bytes) => bytes,
};

/**
 * Records are JSON texts in UTF-8.
 *
 * @param schema - Any Standard Schema (zod, valibot, arktype, …) that validates synchronously. It runs on both ways: what is
 * appended must satisfy it, and what is read is its output.
 * What is stored is the text of `JSON.stringify`, with all that it changes without a word: NaN and infinities become null, a Date its text, a
 * Map `{}`. A schema, or types that JSON has, keep such values out.
 *
 * @throws `append` and `read` report WAL_CODEC_FAILED with the sequence number, for a value that JSON has no text for (`undefined`, a function,
 * a symbol, a BigInt, a cycle), a stored text that is no JSON, and a value that the schema refuses.
 */
export function json<Schema extends StandardSchemaV1>(schema: Schema): Codec<StandardSchemaV1.InferOutput<Schema>>;
export function json<T = unknown>(): Codec<T>;
export function json(schema?: StandardSchemaV1): Codec<unknown> {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return {
    name: "json",
    encode(value) {
      if (schema) validate(schema, value);
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`JSON has no text for ${typeof value}`);
      return Buffer.from(text, "utf8");
    },
    decode(bytes) {
      const value = parse(utf8.decode(bytes));
      return schema ? validate(schema, value) : value;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's message quotes the text, and a record must not get into a message.
    throw new SyntaxError("the stored bytes are not a JSON text");
  }
}

function validate(schema: StandardSchemaV1, value: unknown): unknown {
  const result = schema["~standard"].validate(value);
  if ("then" in result) {
    result.then(undefined, () => undefined); // What it says later is not asked for.
    throw new TypeError("the schema validates asynchronously; a log needs a synchronous one");
  }
  if (result.issues) {
    // Messages and paths only: an issue of a schema may quote the value, a log must not.
    const paths = result.issues.map((issue) => issue.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".") ?? "(root)");
    throw new TypeError(`the schema refuses the value at ${paths.join(", ")}`);
  }
  return result.value;
}
