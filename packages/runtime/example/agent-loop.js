/**
 * Agents that take turns, in a process that is killed with SIGKILL again and again, while another process follows their events live and reads
 * only. At the end nothing that was acknowledged is missing, and the follower has seen every event once and in order.
 *
 *     node example/agent-loop.js [turns] [workers] [kills]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { openRuntimeReader, openRuntimeStore } from "@holdfast/runtime";
import { fsBackend } from "@holdfast/storage-fs";

/** Any library's Standard Schema will do; this one is written by hand. */
const schemas = {
  events: {
    tool_called: { "~standard": { version: 1, vendor: "example", validate: (value) => (typeof value?.tool === "string" ? { value } : { issues: [{ message: "no tool" }] }) } },
  },
};
const runtimeId = "agents";

const [first = "3000", ...others] = process.argv.slice(2);
if (first === "agents") await agents(...others);
else if (first === "follow") await follow(...others);
else await supervise(Number(first), Number(others[0] ?? "5"), Number(others[1] ?? "8"));

/** Takes turns until there are enough, whoever took those before. Says what is acknowledged. */
async function agents(root, turns, workers) {
  const storage = await fsBackend({ root });
  const store = await openRuntimeStore({ storage, runtimeId, schemas, pageBytes: 64 * 1024 });
  while (store.summary().workerCount < Number(workers)) await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
  await Promise.all(store.listWorkers().map(({ workerRef }) => turnsOf(store, workerRef, Number(turns) / Number(workers))));
  await store.stopRuntime();
  for (const it of [store, storage]) await it.close();
}

async function turnsOf(store, workerRef, turns) {
  for (let turn = Math.floor(store.getWorker(workerRef).transcriptLength / 2); turn < turns; turn += 1) {
    const say = (sequence, content) => writeSync(1, `${workerRef.workerId} ${sequence} ${content}\n`);
    // An answer may be missing: the process died between the two.
    if (store.getWorker(workerRef).transcriptLength % 2 === 0) {
      const { transcriptSequence } = await store.sendInput(workerRef, { role: "user", content: `question ${turn}` });
      say(transcriptSequence, `question ${turn}`);
    }
    const tool = turn % 3 === 0 ? { kind: "tool_called", payload: { tool: "grep" } } : undefined;
    const { lastSequence } = await store.appendTranscript(workerRef, [{ role: "assistant", content: `answer ${turn}` }], tool);
    say(lastSequence, `answer ${turn}`);
  }
}

/** Prints the id of every event, as soon as it is durable, until the runtime stops. */
async function follow(root) {
  const storage = await fsBackend({ root });
  const reader = await reading(storage);
  for await (const { id, kind } of reader.followEvents()) {
    writeSync(1, `${id} ${kind}\n`);
    if (kind === "runtime_stopped") break;
  }
  for (const it of [reader, storage]) await it.close();
}

/** The runtime may not be there yet. */
async function reading(storage) {
  for (;;) {
    try {
      return await openRuntimeReader({ storage, runtimeId, schemas });
    } catch (error) {
      if (error.retryable !== true) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function supervise(turns, workers, kills) {
  const root = await mkdtemp(join(tmpdir(), "holdfast-agent-loop-"));
  try {
    const seen = [];
    const follower = running(["follow", root], (line) => seen.push(line.split(" ")));
    const acknowledged = [];
    for (let kill = 1; kill <= kills + 1; kill += 1) {
      // Each time a random share of what is left, but all of it the last time.
      const left = 2 * turns - acknowledged.length;
      const target = kill > kills ? Infinity : acknowledged.length + Math.ceil((left / (kills + 2 - kill)) * (0.3 + 0.7 * Math.random()));
      const writer = running(["agents", root, String(turns), String(workers)], (line) => {
        acknowledged.push(line);
        if (acknowledged.length >= target) writer.kill();
      });
      await writer.ended;
    }
    await follower.ended;
    await check(root, acknowledged, seen);
    console.log(`${acknowledged.length} acknowledged entries of ${workers} workers survived ${kills} kills; ${seen.length} events were followed live, each once and in order.`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function check(root, acknowledged, seen) {
  const storage = await fsBackend({ root });
  const store = await openRuntimeStore({ storage, runtimeId, schemas });
  const entries = new Set();
  for (const { workerRef } of store.listWorkers()) {
    for (let start = 0; start !== undefined; ) {
      const { items, nextStart } = await store.readTranscript(workerRef, { start, limit: 256 });
      for (const { sequence, content } of items) entries.add(`${workerRef.workerId} ${sequence} ${content}`);
      start = nextStart;
    }
  }
  const lost = acknowledged.filter((line) => !entries.has(line));
  if (lost.length > 0) throw new Error(`Acknowledged and gone: ${lost.join(", ")}`);
  const events = Number(store.cursorNow().nextEventId) - 1;
  for (const it of [store, storage]) await it.close();
  seen.forEach(([id], index) => {
    if (Number(id) !== index + 1) throw new Error(`Event ${id} came where ${index + 1} is expected.`);
  });
  if (seen.length !== events) throw new Error(`${seen.length} of ${events} events came.`);
}

function running(args, onLine) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout }).on("line", onLine);
  const ended = Promise.all([once(child, "exit"), once(lines, "close")]).then(([[code]]) => {
    if (code !== 0 && child.signalCode === null) throw new Error(`${args[0]} ended with ${code}.`);
  });
  return { ended, kill: () => child.kill("SIGKILL") };
}
