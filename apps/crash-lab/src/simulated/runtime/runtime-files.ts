import { Violation } from "../violation.js";

/** Checks that the files behind the journal tell what the store showed when it was closed. @throws Violation of I4. */
export function checkFiles(files: Iterable<readonly [string, Uint8Array]>, shown: readonly number[]): void {
  const found = new Map([...files].map(([path, bytes]) => [path.slice(path.lastIndexOf("/") + 1), Buffer.from(bytes).toString()]));
  const names = linesOf(found.get("transcript.jsonl")).map((line) => Number.parseInt(String(field(line, "content")), 10));
  if (names.join() !== shown.join()) throw new Violation("I4", `transcript.jsonl has ${names.join(", ")}, and the store showed ${shown.join(", ")}`);
  const runtime: unknown = JSON.parse(found.get("runtime.json") ?? "null");
  const worker: unknown = JSON.parse(found.get("worker.json") ?? "null");
  const lastEvent = linesOf(found.get("events.jsonl")).map((line) => Number(field(line, "id"))).at(-1);
  if (lastEvent !== undefined && field(runtime, "next_event_id") !== lastEvent + 1) throw new Violation("I4", `events.jsonl ends with ${lastEvent}, and the next one is ${String(field(runtime, "next_event_id"))}`);
  if (field(worker, "next_transcript_sequence") !== shown.length + 1) throw new Violation("I4", `the next entry in worker.json is ${String(field(worker, "next_transcript_sequence"))}, behind ${shown.length}`);
}

function linesOf(text: string | undefined): readonly unknown[] {
  if (text === undefined || (text !== "" && !text.endsWith("\n"))) throw new Violation("I4", "a file is missing, or does not end with a line");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as unknown);
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
