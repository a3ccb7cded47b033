import { JsonReader } from "@holdfast/bytes/json";
import { describe, expect, it } from "vitest";
import { readEvent, writeEventLine } from "../src/format/event-line.js";
import { idOfSegment, idSegment, whyNotId } from "../src/format/id-segment.js";
import { readRuntimeFile, writeRuntimeFile } from "../src/format/runtime-file.js";
import { readTranscriptEntry, writeTranscriptLine } from "../src/format/transcript-line.js";
import { readWorkerFile, writeWorkerFile } from "../src/format/worker-file.js";
import { vectors } from "./support/vectors.js";

/** The same bytes, read and written again. */
function again(path: string, bytes: Uint8Array, runtimeId: string): Uint8Array {
  if (path.endsWith("/runtime.json")) return written(readRuntimeFile(bytes, runtimeId), writeRuntimeFile);
  if (path.endsWith("/worker.json")) return written(readWorkerFile(bytes, runtimeId), writeWorkerFile);
  if (path.endsWith("/events.jsonl")) return lines(bytes, (reader) => writeEventLine(readEvent(reader)));
  if (path.endsWith("/transcript.jsonl")) return lines(bytes, (reader) => writeTranscriptLine(readTranscriptEntry(reader)));
  throw new Error(`no file of a runtime: ${path}`);
}

function written<T>(reading: { readonly value?: T | undefined; readonly fault?: unknown }, write: (value: T) => Uint8Array): Uint8Array {
  if (reading.value === undefined) throw new Error(JSON.stringify(reading.fault));
  return write(reading.value);
}

function lines(bytes: Uint8Array, rewrite: (reader: JsonReader) => Uint8Array): Uint8Array {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at) + 1;
    found.push(rewrite(new JsonReader(bytes.subarray(at, end))));
    at = end;
  }
  return Buffer.concat(found);
}

describe("what the original wrote is written again to the byte", () => {
  const files = vectors
    // The id 2^64 - 1, after which a cursor has no next one, is no event here.
    .filter(({ byOriginal, name }) => byOriginal && name !== "event-id-max")
    .flatMap(({ name, runtimeId, files: of }) => [...of].map(([path, bytes]) => ({ name, runtimeId, path, bytes })));

  it("and there are such files", () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it.each(files)("$name $path", ({ path, bytes, runtimeId }) => {
    expect(Buffer.from(again(path, bytes, runtimeId)).toString()).toBe(Buffer.from(bytes).toString());
  });
});

describe("names of directories", () => {
  it.each(vectors.filter(({ name }) => name.startsWith("runtime-id-") && name !== "runtime-id-too-long"))("$name", ({ runtimeId, files }) => {
    expect(whyNotId(runtimeId)).toBeUndefined();
    expect([...files.keys()]).toContain(`runtimes/${idSegment(runtimeId)}/runtime.json`);
    expect(idOfSegment(idSegment(runtimeId))).toBe(runtimeId);
  });

  it.each<readonly [id: string, why: string | undefined]>([
    ["", "an id must not be blank"],
    ["\u0085 \t\u2003", "an id must not be blank"],
    ["\ufeff", undefined],
    ["x".repeat(126), undefined],
    ["x".repeat(127), "an id must not have more than 126 bytes of UTF-8"],
    ["é".repeat(64), "an id must not have more than 126 bytes of UTF-8"],
    ["x".repeat(10_000), "an id must not have more than 126 bytes of UTF-8"],
    ["a\ud800", "an id must not have half a character"],
    ["__proto__", undefined],
    ["a/../\u0000", undefined],
  ])("%j", (id, why) => {
    expect(whyNotId(id)).toBe(why);
  });

  it.each(["id-", "id-6", "id-4A", "id-ff", "id-20", "6d", "id-6d/", `id-${"78".repeat(127)}`, "id-eda080"])("%s is the name of no id", (name) => {
    expect(idOfSegment(name)).toBeUndefined();
  });
});
