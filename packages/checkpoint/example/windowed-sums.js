/**
 * Sums of delays by airport and day over real flights, in a process that is killed with SIGKILL again and again. The sums are those of a run that
 * nobody disturbed, and after each kill fewer events were read once more than one interval has.
 *
 *     node example/windowed-sums.js [events] [kills] [interval]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { checkpointManager, checkpointStore, logSource, runCheckpointed } from "@holdfast/checkpoint";
import { fsBackend } from "@holdfast/storage-fs";
import { json, openLog, openLogReader } from "@holdfast/wal";

/** Where in the file of its progress a worker notes the last event that it has processed, below the one behind which it began. */
const SECOND_LINE = 21;

const [first = "20000", ...others] = process.argv.slice(2);
if (first === "worker") await work(...others);
else await supervise(Number(first), Number(others[0] ?? "6"), Number(others[1] ?? "500"));

/** Processes the log from the last checkpoint on, and notes each event in a file, which survives its death. */
async function work(root, streamId, interval) {
  const storage = await fsBackend({ root });
  const log = await openLogReader({ storage, prefix: "flights", codec: json() });
  const store = checkpointStore({ storage, prefix: "checkpoints" });
  const manager = checkpointManager({ store, everyEvents: BigInt(interval) });
  const stream = manager.stream(streamId);

  const windows = new Map();
  stream.registerOperator("delays by airport and day", {
    snapshot: () => Buffer.from(JSON.stringify([...windows])),
    restore(bytes) {
      for (const [window, sums] of JSON.parse(Buffer.from(bytes).toString())) windows.set(window, sums);
    },
  });

  const progress = await open(join(root, `${streamId}.progress`), "w");
  await runCheckpointed({
    stream,
    source: logSource({ log, follow: false, watermarkNs: ({ date }) => BigInt(Date.parse(date)) * 1_000_000n }),
    waitForSaves: true,
    onRecovered(recovery) {
      const from = String(recovery?.sequence ?? 0).padStart(20);
      writeSync(progress.fd, `${from}\n${from}\n`, 0);
    },
    process({ origin, date, delay }, { sequence }) {
      const window = `${origin} ${date.slice(0, 10)}`;
      const { flights, minutes } = windows.get(window) ?? { flights: 0, minutes: 0 };
      windows.set(window, { flights: flights + 1, minutes: minutes + delay });
      writeSync(progress.fd, String(sequence).padStart(20), SECOND_LINE);
    },
  });
  for (const it of [progress, manager, store, log, storage]) await it.close();
}

async function supervise(events, kills, interval) {
  const root = await mkdtemp(join(tmpdir(), "holdfast-windowed-sums-"));
  try {
    const count = await fill(root, events);
    await running(root, "undisturbed", interval).ended;
    let replayed = 0;
    let most = 0;
    for (let kill = 1, last = 0; kill <= kills + 1; kill += 1) {
      const target = kill > kills ? Infinity : Math.floor(((kill - 0.5 * Math.random()) / (kills + 1)) * count);
      const worker = running(root, "killed", interval);
      let progress;
      while (!worker.isOver() && !(progress?.to >= target)) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        progress = await progressOf(root, "killed");
      }
      worker.kill();
      await worker.ended;
      const { from, to } = await progressOf(root, "killed");
      const again = Math.max(0, last - from);
      console.log(`began behind event ${from}, ${again} came once more, ${kill > kills ? "ended" : "killed"} at ${to}`);
      [replayed, most, last] = [replayed + again, Math.max(most, again), to];
    }

    const [undisturbed, killed] = [await sumsOf(root, "undisturbed"), await sumsOf(root, "killed")];
    console.log(`${count} flights, ${undisturbed.windows} windows, ${kills} kills, ${replayed} events came once more, at most ${most} after one kill; the interval is ${interval}`);
    if (undisturbed.text !== killed.text) throw new Error("The sums differ.");
    if (most > interval) throw new Error("More came once more than one interval has.");
    console.log("The sums are those of the run that nobody disturbed.");
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The flights as a log. Answers how many there are. */
async function fill(root, events) {
  const file = fileURLToPath(new URL("../data/flights-20k.json", import.meta.resolve("vega-datasets")));
  const flights = JSON.parse(await readFile(file, "utf8")).slice(0, events);
  const storage = await fsBackend({ root });
  const log = await openLog({ storage, prefix: "flights", codec: json() });
  for (let at = 0; at < flights.length; at += 1000) await log.appendBatch(flights.slice(at, at + 1000));
  for (const it of [log, storage]) await it.close();
  return flights.length;
}

function running(root, streamId, interval) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "worker", root, streamId, String(interval)], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit").then(([code]) => {
    if (code !== 0 && child.signalCode === null) throw new Error(`The worker ended with ${code}.`);
  });
  return { ended, kill: () => child.kill("SIGKILL"), isOver: () => child.exitCode !== null || child.signalCode !== null };
}

/** `undefined`: the worker has not begun. */
async function progressOf(root, streamId) {
  const [from, to] = (await readFile(join(root, `${streamId}.progress`), "latin1").catch(() => "")).split("\n").map(Number);
  return to === undefined || Number.isNaN(to) ? undefined : { from, to };
}

/** What the last checkpoint of a stream holds. */
async function sumsOf(root, streamId) {
  const storage = await fsBackend({ root });
  const { checkpoint } = await checkpointStore({ storage, prefix: "checkpoints" }).latest(streamId);
  await storage.close();
  const windows = JSON.parse(Buffer.from(checkpoint.state.operators.get("delays by airport and day")).toString());
  return { windows: windows.length, text: JSON.stringify([...windows].sort()) };
}
