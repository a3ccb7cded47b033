import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import type { Size } from "../row.js";
import { RefusedError } from "../../../../scripts/command-line.js";

/** The records of the proof, read. */
export interface Records {
  /** What they are, for the report. */
  readonly name: string;
  /** NDJSON: one record a line, its bytes are the line's without the line end. */
  readonly bytes: Uint8Array;
  readonly records: readonly Uint8Array[];
  /** Empty lines of the input, which are no records. */
  readonly emptyLines: number;
}

/** The records of the proof, and a file of its own that holds them. */
export interface Dataset extends Records {
  readonly file: string;
}

/** Bytes that a record of a log may have. */
const MAX_RECORD_BYTES = 16 * 2 ** 20 - 52;

/**
 * Reads the records.
 *
 * @param input - NDJSON file of the user. Absent: flights of the npm package vega-datasets, 20,000 (quick) or 200,000 (full).
 * @throws RefusedError if the input cannot be read, is no NDJSON, holds no record, or one that is too large for a log.
 */
export async function readRecords(input: string | undefined, size: Size): Promise<Records> {
  const bytes = input === undefined ? Buffer.from(await flights(size)) : await userFile(input);
  const { records, emptyLines } = splitLines(bytes);
  if (input !== undefined) refuseUnusable(input, bytes, records);
  return { name: input === undefined ? `vega-datasets ${flightsFile(size)}` : "the given file", bytes, records, emptyLines };
}

/** Puts the records into `file`, so that nothing that happens to the input meanwhile can disturb the proof. */
export async function prepareDataset(records: Records, file: string): Promise<Dataset> {
  await writeFile(file, records.bytes);
  return { ...records, file };
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

function refuseUnusable(input: string, bytes: Uint8Array, records: readonly Uint8Array[]): void {
  if (records.length === 0) throw new RefusedError(`--input: ${input} holds no record.`);
  for (const record of records) {
    const wrong = record.length > MAX_RECORD_BYTES ? `has over ${MAX_RECORD_BYTES} bytes` : isJson(record) ? undefined : "is not JSON, and NDJSON is what is taken";
    if (wrong !== undefined) throw new RefusedError(`--input: line ${lineOf(record, bytes)} of ${input} ${wrong}.`);
  }
}

function isJson(line: Uint8Array): boolean {
  try {
    JSON.parse(utf8.decode(line));
    return true;
  } catch {
    return false; // SyntaxError, or TypeError for bytes that are no UTF-8: what it is does not matter to whoever gave the wrong file
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Counted from 1, empty lines included. */
function lineOf(record: Uint8Array, bytes: Uint8Array): number {
  return bytes.subarray(0, record.byteOffset - bytes.byteOffset).reduce((lines, byte) => (byte === LINE_FEED ? lines + 1 : lines), 1);
}

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
    throw new RefusedError(`--input: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
