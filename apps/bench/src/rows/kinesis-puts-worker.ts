/**
 * Puts records into a Kinesis state, one after the other, each durable before the next, and reports how many milliseconds that took and how many
 * bytes were written for it, and how many records they were. Arguments: root directory; `native` or `original`; how many records.
 */
import { writeSync } from "node:fs";

import { openKinesisDirectory, openKinesisStore, type KinesisContents } from "@holdfast/kinesis";
import { fsBackend } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { countingPort } from "./counting-port.js";
import { recordOf, SHARD_HEX, stream } from "./kinesis-records.js";

const REPORT_EVERY_MS = 10_000;

const [root = "", format = "", count = ""] = process.argv.slice(2);
const counting = countingPort();
const measured = format === "native" ? await native() : await original();
writeSync(REPORT_DESCRIPTOR, `${measured.milliseconds} ${measured.bytes} ${count}\n`);

interface Measured {
  readonly milliseconds: number;
  readonly bytes: number;
}

async function native(): Promise<Measured> {
  await using storage = await fsBackend({ root, port: counting.port });
  await using store = await openKinesisStore({ storage, prefix: "kinesis" });
  await store.commit({ kind: "PutStream", stream });
  return await timed((number) => {
    const counter = [0, BigInt(number)] as const;
    return store.commit({ kind: "PutRecords", streamName: stream.name, shardHex: SHARD_HEX, records: [recordOf(number)], counter });
  });
}

/** With the interval of snapshots that the original has, which empty its log. */
async function original(): Promise<Measured> {
  await using directory = await openKinesisDirectory(root, { port: counting.port });
  const records: (readonly [string, Uint8Array])[] = [];
  let retainedBytes = 0n;
  return await timed((number) => {
    const record = recordOf(number);
    records.push(record);
    retainedBytes += BigInt(record[1].length);
    const contents: KinesisContents = {
      streams: [{ ...stream, shardCounters: [BigInt(number)] }],
      records: [{ streamName: stream.name, shardHex: SHARD_HEX, records }],
      consumers: [],
      policies: [],
      resourceTags: [],
      accountSettingsJson: new Uint8Array(),
      pendingTransitions: [],
      retainedBytes,
      retainedRecords: BigInt(records.length),
    };
    return directory.append(contents);
  });
}

async function timed(put: (number: number) => Promise<unknown>): Promise<Measured> {
  collectGarbage();
  const before = counting.writtenBytes;
  const startedAt = performance.now();
  let reportedAt = startedAt;
  for (let number = 1; number <= Number(count); number += 1) {
    await put(number);
    // So that nobody takes a long run for one that hangs.
    if (performance.now() - reportedAt < REPORT_EVERY_MS) continue;
    reportedAt = performance.now();
    writeSync(REPORT_DESCRIPTOR, `${number} records\n`);
  }
  return { milliseconds: performance.now() - startedAt, bytes: counting.writtenBytes - before };
}
