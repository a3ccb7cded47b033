import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { RefusedError } from "../refused.js";
import type { Size } from "../row.js";

/** The records of the proof. */
export interface Dataset {
  /** What they are, for the report. */
  readonly name: string;
  /** NDJSON: one record a line, its bytes are the line's without the line end. */
  readonly file: string;
  readonly records: readonly Uint8Array[];
  /** Empty lines of the input, which are no records. */
  readonly emptyLines: number;
}

/** Bytes that a record of a log may have. */
const MAX_RECORD_BYTES = 16 * 2 ** 20 - 52;

/**
 * Puts the records into `file`, so that nothing that happens to the input meanwhile can disturb the proof, and reads them.
 *
 * @param input - NDJSON file of the user. Absent: flights of the npm package vega-datasets, 20,000 (quick) or 200,000 (full).
 * @throws {@link RefusedError} if the input cannot be read, holds no record, or one that is too large for a log.
 */
export async function prepareDataset(input: string | undefined, size: Size, file: string): Promise<Dataset> {
  await writeFile(file, input === undefined ? await flights(size) : await userFile(input));
  const { records, emptyLines } = splitLines(await readFile(file));
  if (records.length === 0) throw new RefusedError(`${String(input)} holds no record.`);
  const tooLarge = records.findIndex((record) => record.length > MAX_RECORD_BYTES);
  if (tooLarge !== -1) throw new RefusedError(`Record ${tooLarge + 1} of ${String(input)} has over ${MAX_RECORD_BYTES} bytes.`);
  return { name: input === undefined ? `vega-datasets ${flightsFile(size)}` : "the given file", file, records, emptyLines };
}

/** Splits NDJSON into its lines. Nothing is parsed and nothing changed: a carriage return before the line end is part of the record. */
export function splitLines(bytes: Uint8Array): { readonly records: readonly Uint8Array[]; readonly emptyLines: number } {
  const records: Uint8Array[] = [];
  let emptyLines = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found;
    if (end > start) records.push(bytes.subarray(start, end));
    else emptyLines += 1;
    start = end + 1;
  }
  return { records, emptyLines };
}

const LINE_FEED = 0x0a;

/** The package holds them as one JSON array each; written compactly, an element is the text between its commas. */
async function flights(size: Size): Promise<string> {
  const file = fileURLToPath(new URL(`../data/${flightsFile(size)}`, import.meta.resolve("vega-datasets")));
  const elements: unknown = JSON.parse(await readFile(file, "utf8"));
  if (!Array.isArray(elements)) throw new Error(`${file} does not hold an array.`);
  return elements.map((element) => `${JSON.stringify(element)}\n`).join("");
}

function flightsFile(size: Size): string {
  return size === "quick" ? "flights-20k.json" : "flights-200k.json";
}

async function userFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new RefusedError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
