/**
 * Real flights are written to a log while a replicator ships it to another directory, in a process that is killed with SIGKILL again and again. Then
 * the directory of the log is deleted, and the log restored from its replica: to its last record, and to a time in the middle. Both times it
 * has exactly the flights that were written up to there.
 *
 *     node example/restore-flights.js [flights] [kills]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { openReplicator, replicaClient, restore, verify } from "@holdfast/replica";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog, openLogReader } from "@holdfast/wal";

const prefix = "flights";

/** Flights that wait for their acknowledgement at the same time. */
const IN_FLIGHT = 16;

const [first = "20000", ...others] = process.argv.slice(2);
if (first === "ingest") await ingest(others[0], Number(others[1]));
else if (first === "replicate") await replicate(others[0], others[1], Number(others[2]));
else await supervise(Number(first), Number(others[0] ?? "6"));

/** Writes the flights, and says how many are acknowledged. */
async function ingest(sourceRoot, count) {
  const flights = await flightsUpTo(count);
  const storage = await fsBackend({ root: sourceRoot });
  const log = await openLog({ storage, prefix });
  for (let at = 0; at < flights.length; at += IN_FLIGHT) {
    await Promise.all(flights.slice(at, at + IN_FLIGHT).map((flight) => log.append(Buffer.from(flight))));
    writeSync(1, `${log.durableSeq}\n`);
  }
  for (const it of [log, storage]) await it.close();
}

/** Ships what is written until there are `count` records, and says which are in the replica. Small segments, so that there are many. */
async function replicate(sourceRoot, replicaRoot, count) {
  const [source, target] = [await fsBackend({ root: sourceRoot }), await fsBackend({ root: replicaRoot })];
  const log = await openLogReader({ storage: source, prefix });
  const replicator = await openReplicator({ source: log, target: replicaIn(target), batchBytes: 8 * 1024, batchMs: 10 });
  for (let arrived = replicator.status().seq ?? 0; arrived < count; ) {
    await replicator.waitFor(arrived + 1);
    arrived = replicator.status().seq;
    writeSync(1, `${arrived}\n`);
  }
  for (const it of [replicator, log, source, target]) await it.close();
}

async function supervise(count, kills) {
  const root = await mkdtemp(join(tmpdir(), "holdfast-restore-flights-"));
  const [source, target] = [join(root, "source"), join(root, "replica")];
  const started = [];
  try {
    const writer = running(["ingest", source, String(count)]);
    started.push(writer);
    await writer.firstLine;
    for (let kill = 1, arrived = 0; kill <= kills + 1; kill += 1) {
      const goal = kill > kills ? Infinity : arrived + Math.ceil(((count - arrived) / (kills + 2 - kill)) * (0.3 + 0.7 * Math.random()));
      const replicator = running(["replicate", source, target, String(count)], (line) => {
        if (line >= goal) replicator.kill();
      });
      started.push(replicator);
      await replicator.ended;
      const there = await inReplica(target);
      console.log(`${kill > kills ? "ended" : "killed"} when it had told of record ${replicator.last()}; the replica goes up to ${there}`);
      if (there < replicator.last()) throw new Error("It told of what is not there.");
      arrived = there;
    }
    await writer.ended;

    const middle = await middleOf(source, count);
    await rm(source, { recursive: true });
    console.log(`${count} flights were written, the replicator was killed ${kills} times, and the source is deleted.`);
    const flights = await flightsUpTo(count);
    await restoreAndCompare(root, "its last record", {}, flights);
    await restoreAndCompare(root, "a time in the middle", { timeMs: middle.timeMs }, flights.slice(0, middle.records));
  } finally {
    for (const it of started) it.kill();
    await rm(root, { recursive: true, force: true });
  }
}

/** The last record of the replica, all of which is read and checked. */
async function inReplica(target) {
  const storage = await fsBackend({ root: target });
  const { seq } = await verify({ from: replicaIn(storage) });
  await storage.close();
  return seq;
}

/** When the middle record was committed, and how many records there are up to the last commit at that time. */
async function middleOf(source, count) {
  const storage = await fsBackend({ root: source });
  const log = await openLogReader({ storage, prefix });
  let [timeMs, records] = [Infinity, 0];
  for await (const { committedAtMs, values } of log.readBatches()) {
    if (committedAtMs > timeMs) break;
    records += values.length;
    if (timeMs === Infinity && records >= count / 2) timeMs = committedAtMs;
  }
  for (const it of [log, storage]) await it.close();
  return { timeMs, records };
}

async function restoreAndCompare(root, where, upTo, expected) {
  const [from, to] = [await fsBackend({ root: join(root, "replica") }), await fsBackend({ root: join(root, where) })];
  await restore({ from: replicaIn(from), to, prefix, ...upTo });
  const log = await openLog({ storage: to, prefix });
  let records = 0;
  for await (const { seq, value } of log.read()) {
    if (Buffer.from(value).toString() !== expected[records]) throw new Error(`Record ${seq} is not flight ${records}.`);
    records += 1;
  }
  if (records !== expected.length) throw new Error(`${records} flights were restored, but ${expected.length} were written.`);
  for (const it of [log, to, from]) await it.close();
  console.log(`Restored to ${where}: the first ${records} flights, as they were written.`);
}

function replicaIn(storage) {
  return replicaClient({ storage, prefix: "replica", layout: "native" });
}

/** The first flights of a public data set, each as a line of JSON. */
async function flightsUpTo(count) {
  const file = fileURLToPath(new URL("../data/flights-20k.json", import.meta.resolve("vega-datasets")));
  return JSON.parse(await readFile(file, "utf8")).slice(0, count).map((flight) => JSON.stringify(flight));
}

/** This program as another process, whose lines are numbers of records. */
function running(args, onLine = () => undefined) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let last = 0;
  const lines = createInterface({ input: child.stdout }).on("line", (line) => {
    last = Number(line);
    onLine(last);
  });
  const ended = Promise.all([once(child, "exit"), once(lines, "close")]).then(([[code]]) => {
    if (code !== 0 && child.signalCode === null) throw new Error(`${args[0]} ended with ${code}.`);
  });
  ended.catch(() => undefined); // whoever waits for it gets the error
  return { firstLine: Promise.race([once(lines, "line"), ended]), ended, last: () => last, kill: () => child.kill("SIGKILL") };
}
