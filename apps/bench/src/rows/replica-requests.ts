import { openReplicator, replicaClient } from "@holdfast/replica";
import { memoryBackend } from "@holdfast/storage";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, virtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { openLog } from "@holdfast/wal";

import { measuredRecords } from "../records.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { allRequests, countingPort, type RequestCounts } from "../s3/request-counts.js";

const ID = "replica-requests";
const WORK = "replica, requests to its object storage in an hour";
const HOUR_MS = 3_600_000;
const COMMITS_PER_SECOND = 10;

/** What a replicator asks of its target, counted on a simulated object store by its clock. */
export const replicaRequestsFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["quick", "full"],
  steps: () => 2,
  async run(context) {
    // Only requests are counted, and they are as many each minute; an hour of commits takes a minute to simulate.
    const busyMs = context.size === "quick" ? HOUR_MS / 60 : HOUR_MS / 6;
    context.progress.step(`${WORK}: idle`);
    const idle = await requestsOf(context, HOUR_MS, false);
    context.progress.step(`${WORK}: busy`);
    const busy = await requestsOf(context, busyMs, true);
    return [
      row("of an idle log", idle, 1, { target: { text: "0", met: allRequests(idle) === 0 } }),
      row(`of a log with ${COMMITS_PER_SECOND} commits a second`, busy, HOUR_MS / busyMs, {}),
    ];
  },
};

/** The requests of so much time, behind those that begin and end the replication. */
async function requestsOf(context: BenchContext, forMs: number, isBusy: boolean): Promise<RequestCounts> {
  const clock = virtualClock();
  const records = measuredRecords(context.seed);
  const bucket = new SimObjectStore({ clock, adversary: mildAdversary });
  const port = countingPort(bucket.client().port);
  const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
  const storage = s3Backend({ bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials, port, clock, conditionalWrites: "trusted" });
  const target = replicaClient({ storage, prefix: "replica", layout: "native", clock });
  const source = memoryBackend({ clock });
  const log = await openLog({ storage: source, prefix: "source", clock });
  await log.append(records[0] ?? new Uint8Array());
  const replicator = await driveClock(clock, openReplicator({ source: log, target, clock }));
  await driveClock(clock, replicator.sync());
  port.taken();
  const stepMs = 1000 / COMMITS_PER_SECOND;
  for (let step = 0; step < forMs / stepMs; step += 1) {
    if (isBusy) await log.append(records[step % records.length] ?? new Uint8Array());
    await clock.advance(stepMs);
  }
  const taken = port.taken();
  const { lastError } = replicator.status();
  if (lastError !== undefined) throw new Error("The replication failed.", { cause: lastError });
  await driveClock(clock, replicator.close());
  for (const it of [log, storage, source]) await it.close();
  if (isBusy && allRequests(taken) === 0) throw new Error("Nothing was replicated.");
  return taken;
}

function row(work: string, counts: RequestCounts, factor: number, target: Pick<Extract<RowResult, { ours: unknown }>, "target">): RowResult {
  const perHour = (count: number): string => Math.round(count * factor).toLocaleString("en");
  return {
    id: ID,
    work: `${WORK}, ${work}`,
    ours: { value: allRequests(counts) * factor, unit: "requests" },
    ...target,
    note: `PUT ${perHour(counts.puts)}, GET and HEAD ${perHour(counts.gets)}, LIST ${perHour(counts.lists)}, DELETE ${perHour(counts.deletes)}`,
  };
}
