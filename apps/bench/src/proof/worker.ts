/**
 * The child of the proof: opens the log, continues where it ends, and appends the input's records with many in flight, until it has
 * written enough or is killed. Whatever it claims it writes to the parent's pipe synchronously and before it goes on, so that a claim the parent
 * does not see was not made.
 *
 * Arguments: root directory, prefix, input file, last sequence number to write (0: go on for ever), appends in flight.
 */
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import { REPORT_DESCRIPTOR } from "../child.js";
import { inputRecord } from "./checker.js";
import { splitLines } from "./dataset.js";
import { formatReport, type Report } from "./protocol.js";

const [root = "", prefix = "", inputFile = "", through = "0", inFlight = "1"] = process.argv.slice(2);
await write(Number(through) === 0 ? Number.MAX_SAFE_INTEGER : Number(through), Number(inFlight));

async function write(lastSeq: number, appenders: number): Promise<void> {
  const { records } = splitLines(await readFile(inputFile));
  const storage = await fsBackend({ root });
  report({ kind: "opening" });
  const log = await openLog({ storage, prefix });
  const { tornTail, copiedRecords, closedCleanly } = log.recovery;
  report({ kind: "opened", nextSeq: log.nextSeq, tornBytes: tornTail?.bytes ?? 0, copiedRecords, closedCleanly });
  await appendAll(log, records, lastSeq, appenders);
  await log.close();
  await storage.close();
  report({ kind: "done" });
}

async function appendAll(log: Log, records: readonly Uint8Array[], lastSeq: number, appenders: number): Promise<void> {
  let next = log.nextSeq;
  let offered = next - 1;
  const acknowledge = reportTogether();
  const appender = async (): Promise<void> => {
    while (next <= lastSeq) {
      const seq = next++;
      if (seq > offered) {
        offered = Math.min(seq + appenders - 1, lastSeq);
        report({ kind: "offered", through: offered });
      }
      const given = await log.append(inputRecord(records, seq));
      if (given !== seq) throw new Error(`The append of record ${seq} was answered with ${given}.`);
      acknowledge(seq);
    }
  };
  await Promise.all(Array.from({ length: appenders }, appender));
}

/** The appends of one commit resolve in one turn; runs of their numbers go out as one report each, in the same turn. */
function reportTogether(): (seq: number) => void {
  let first = 0;
  let last = 0;
  const flush = (): void => {
    if (last !== 0) report({ kind: "acknowledged", first, last });
    first = last = 0;
  };
  return (seq) => {
    if (last === 0) queueMicrotask(flush);
    else if (seq !== last + 1) flush();
    if (last === 0) first = seq;
    last = seq;
  };
}

function report(message: Report): void {
  writeSync(REPORT_DESCRIPTOR, formatReport(message));
}
