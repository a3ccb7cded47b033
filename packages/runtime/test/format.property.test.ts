import { JsonError, JsonReader } from "@holdfast/bytes/json";
import fc from "fast-check";
import { expect, it } from "vitest";
import { readEvent, writeEventLine } from "../src/format/event-line.js";
import type { FileReading } from "../src/format/file-fault.js";
import { idOfSegment, idSegment, MAX_ID_BYTES, whyNotId } from "../src/format/id-segment.js";
import { readRuntimeFile, writeRuntimeFile } from "../src/format/runtime-file.js";
import { readTranscriptEntry, writeTranscriptLine } from "../src/format/transcript-line.js";
import { readWorkerFile, writeWorkerFile } from "../src/format/worker-file.js";
import { eventRecord, runtimeRecord, transcriptRecord, workerRecord } from "./support/records.js";

function readLine<T>(bytes: Uint8Array, read: (reader: JsonReader) => T): T {
  const reader = new JsonReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

it("an event is one line, and read as it was written", () => {
  fc.assert(
    fc.property(eventRecord, (event) => {
      const line = writeEventLine(event);
      expect(line.indexOf(0x0a)).toBe(line.length - 1);
      expect(readLine(line, readEvent)).toEqual(event);
    }),
  );
});

it("an entry of a transcript is one line, and read as it was written", () => {
  fc.assert(
    fc.property(transcriptRecord, (entry) => {
      const line = writeTranscriptLine(entry);
      expect(line.indexOf(0x0a)).toBe(line.length - 1);
      expect(readLine(line, readTranscriptEntry)).toEqual(entry);
    }),
  );
});

it("worker.json is what serde_json's pretty printer writes, and read as it was written", () => {
  fc.assert(
    fc.property(workerRecord("r"), (worker) => {
      const file = writeWorkerFile(worker);
      expect(readWorkerFile(file, "r")).toEqual({ value: worker });
      expect(Buffer.from(file).toString()).toBe(`${indented(file)}\n`);
    }),
  );
});

it("runtime.json is what serde_json's pretty printer writes, and read as it was written", () => {
  fc.assert(
    fc.property(runtimeRecord("é"), (runtime) => {
      const file = writeRuntimeFile(runtime);
      expect(readRuntimeFile(file, "é")).toEqual({ value: runtime });
      expect(Buffer.from(file).toString()).toBe(`${indented(file)}\n`);
    }),
  );
});

/** As JSON.stringify indents it: no other code has written it then. Integers are texts meanwhile, which it would round, with a mark that no text begins with. */
function indented(file: Uint8Array): string {
  const written = Buffer.from(file).toString();
  let mark = "#";
  while (written.includes(`"${mark}`)) mark += "#";
  const quoted = written.replace(/^( *"[a-z_]+": )(\d+)(,?)$/gm, `$1"${mark}$2"$3`);
  return JSON.stringify(JSON.parse(quoted), undefined, 2).replace(new RegExp(`"${mark}(\\d+)"`, "g"), "$1");
}

it("a text that looks like the mark of an integer stays a text", () => {
  expect(indented(Buffer.from('{\n  "a": "#0",\n  "b": 18446744073709551615\n}'))).toBe('{\n  "a": "#0",\n  "b": 18446744073709551615\n}');
});

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });

it("a damaged line is an error with an offset, or a line", () => {
  fc.assert(
    fc.property(eventRecord, edits, fc.nat(), (event, changes, cut) => {
      const line = damaged(writeEventLine(event), changes, cut);
      try {
        const read = readLine(line, readEvent);
        expect(readLine(writeEventLine(read), readEvent)).toEqual(read);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        expect(error.offset).toBeGreaterThanOrEqual(0);
        expect(error.offset).toBeLessThanOrEqual(line.length);
      }
    }),
  );
});

it("a damaged file has a fault, or is a file", () => {
  fc.assert(
    fc.property(runtimeRecord("r"), workerRecord("r"), edits, fc.nat(), (runtime, worker, changes, cut) => {
      check(readRuntimeFile(damaged(writeRuntimeFile(runtime), changes, cut), "r"), (value) => readRuntimeFile(writeRuntimeFile(value), "r"));
      check(readWorkerFile(damaged(writeWorkerFile(worker), changes, cut), "r"), (value) => readWorkerFile(writeWorkerFile(value), "r"));
    }),
  );
});

function check<T>(reading: FileReading<T>, again: (value: T) => FileReading<T>): void {
  if (reading.fault === undefined) expect(again(reading.value)).toEqual(reading);
  else expect(reading.fault.message).not.toBe("");
}

function damaged(bytes: Uint8Array, changes: readonly (readonly [at: number, byte: number])[], cut: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
}

it("ids that can be, and no others, have a segment of their own", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 140 }), fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })), (id) => {
      if (whyNotId(id) !== undefined) return;
      const segment = idSegment(id);
      expect(segment).toMatch(/^id-[0-9a-f]+$/);
      expect(segment.length).toBeLessThanOrEqual(3 + 2 * MAX_ID_BYTES);
      expect(idOfSegment(segment)).toBe(id);
    }),
  );
});
