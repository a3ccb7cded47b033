import { hasCode } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog, openLogReader } from "@holdfast/wal";

import { inTime } from "../in-time.js";
import { LOG_PREFIX } from "./child-options.js";
import type { LogLedger, ReadRecord } from "./log-ledger.js";
import { recordBytes } from "./record-bytes.js";

/** What opening a log after a crash has met. */
export interface LogOpening {
  /** Records that were whole and not known to be durable. */
  readonly copied: number;
  /** Bytes of an interrupted write. */
  readonly torn: number;
  /** Records that were read. */
  readonly records: number;
}

/**
 * Opens a log after a crash as its next user would, and compares what is there with the ledger.
 *
 * @param token - If given, a record is appended with this token, the log is closed, and read once more: it must be of use again.
 * @throws What opening or reading throws: the log is not openable, or an open log does not read or append.
 */
export async function checkLog(root: string, ledger: LogLedger, token?: number): Promise<LogOpening> {
  const opening = await inTime("opening the log", openAndCheck(root, ledger, token));
  if (token !== undefined) await inTime("opening the log once more", openAndCheck(root, ledger, undefined));
  return opening;
}

/** Reads a log as another process does, while its writer lives or after it. Everything that it delivers must stay. */
export async function readLogElsewhere(root: string): Promise<readonly ReadRecord[]> {
  await using storage = await fsBackend({ root });
  await using reader = await openLogReader({ storage, prefix: LOG_PREFIX });
  const records: ReadRecord[] = [];
  try {
    for await (const record of reader.read()) records.push(record);
  } catch (error) {
    if (!hasCode(error, "WAL_TRIMMED")) throw error; // its writer trims: what was delivered before counts all the same
  }
  return records;
}

async function openAndCheck(root: string, ledger: LogLedger, token: number | undefined): Promise<LogOpening> {
  await using storage = await fsBackend({ root });
  await using log = await openLog({ storage, prefix: LOG_PREFIX });
  const { firstSeq, nextSeq, durableSeq, recovery } = log;
  const copied = recovery.copiedRecords;
  const torn = recovery.tornTail?.bytes ?? 0;
  ledger.take({ is: "opened", nextSeq, durableSeq, relaxed: false, copied, torn });
  const records = await ledger.check({ firstSeq, records: log.read() });
  if (token !== undefined) {
    ledger.take({ is: "begin", token, attempt: { what: "append", first: nextSeq, sizes: [APPENDED_BYTES] } });
    await log.append(recordBytes(token, 0, APPENDED_BYTES));
    ledger.take({ is: "acknowledged", token });
  }
  return { copied, torn, records };
}

const APPENDED_BYTES = 100;
