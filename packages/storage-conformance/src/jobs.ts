import { hasCode, storageKey, storagePrefix } from "@holdfast/storage";
import type { StorageBackend, StorageBody, StorageLock } from "@holdfast/storage";
import { appendableOf } from "./case.js";
import { gateway, sampleBytes, utf8 } from "./samples.js";

/**
 * What a contestant does with its own handle, here or in another process. Every job answers numbers, so that it can be sent.
 *
 * - `count`: tries to create every number from 1 to `goal` below `prefix`. Answers the numbers it won.
 * - `contend`: tries `attempts` times to take the lock, and adds one to the counter below `prefix` when it has it. Answers the
 *   counts it wrote.
 * - `tryLock`: tries `attempts` times to take the lock, and lets go at once. Answers how often it had it, and how often not.
 * - `hold`: takes the lock and keeps it. `letGo`: releases it.
 * - `append`: makes a file with prepared space, appends `sampleBytes(bytes, 1)` in pieces of 1,000 bytes, and leaves it open.
 * - `beginCreate`, `beginReplace`: begins to write an object whose body never ends. Answers when the end is waited for.
 * - `close`: closes the handle.
 */
export type Job =
  | { readonly kind: "count"; readonly prefix: string; readonly goal: number; readonly worker: string }
  | { readonly kind: "contend"; readonly prefix: string; readonly attempts: number }
  | { readonly kind: "tryLock"; readonly prefix: string; readonly attempts: number }
  | { readonly kind: "hold"; readonly prefix: string }
  | { readonly kind: "letGo" }
  | { readonly kind: "append"; readonly name: string; readonly bytes: number; readonly sync: "each" | "manual" }
  | { readonly kind: "beginCreate" | "beginReplace"; readonly name: string }
  | { readonly kind: "close" };

/** Does one {@link Job} after the other with its handle. */
export type JobRunner = (job: Job) => Promise<readonly number[]>;

/** A runner over `backend`. Lock jobs need `appendable`. */
export function jobRunner(backend: StorageBackend): JobRunner {
  let held: StorageLock | undefined;
  return async (job) => {
    switch (job.kind) {
      case "count":
        return count(backend, job.prefix, job.goal, job.worker);
      case "contend":
        return contend(backend, job.prefix, job.attempts);
      case "tryLock":
        return tryLock(backend, job.prefix, job.attempts);
      case "hold":
        held = await appendableOf(backend).lock(storagePrefix(job.prefix));
        return [];
      case "letGo":
        await held?.release();
        return [];
      case "append":
        return append(backend, job.name, job.bytes, job.sync);
      case "beginCreate":
      case "beginReplace":
        return begin(backend, job.kind === "beginCreate" ? "create" : "replace", job.name);
      case "close":
        await backend.close();
        return [];
    }
  };
}

/** The object that `count` creates for a number. */
export function numberName(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(20, "0")}.n`;
}

/** What `count` writes into it: long enough that half of it would show. */
export function numberContent(worker: string, number: number): string {
  return `${worker} took ${number}\n`.repeat(200);
}

/** The object in which `contend` counts. */
export function counterName(prefix: string): string {
  return `${prefix}counter.txt`;
}

async function count(backend: StorageBackend, prefix: string, goal: number, worker: string): Promise<number[]> {
  const won: number[] = [];
  for (let number = 1; number <= goal; number += 1) {
    const key = storageKey(numberName(prefix, number));
    try {
      await backend.create(key, utf8(numberContent(worker, number)));
      won.push(number);
    } catch (error) {
      if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
      await mustBeWhole(backend, prefix, number);
    }
  }
  return won;
}

/** Whoever lost a number must be able to read at once what the winner wrote. */
async function mustBeWhole(backend: StorageBackend, prefix: string, number: number): Promise<void> {
  const content = await backend.read(storageKey(numberName(prefix, number)));
  if (content === undefined) throw new Error(`number ${number} was taken already, but cannot be read`);
  const text = new TextDecoder().decode(content);
  if (text !== numberContent(text.slice(0, text.indexOf(" ")), number)) {
    throw new Error(`number ${number} was taken already, but is not whole: ${content.length} bytes`);
  }
}

async function contend(backend: StorageBackend, prefix: string, attempts: number): Promise<number[]> {
  const key = storageKey(counterName(prefix));
  const counts: number[] = [];
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const lock = await lockUnlessHeld(backend, prefix);
    if (lock === undefined) continue;
    const next = Number(new TextDecoder().decode((await backend.read(key)) ?? utf8("0"))) + 1;
    await backend.replace(key, utf8(String(next)));
    counts.push(next);
    await lock.release();
  }
  return counts;
}

async function tryLock(backend: StorageBackend, prefix: string, attempts: number): Promise<number[]> {
  let taken = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const lock = await lockUnlessHeld(backend, prefix);
    if (lock === undefined) continue;
    taken += 1;
    await lock.release();
  }
  return [taken, attempts - taken];
}

async function append(backend: StorageBackend, name: string, bytes: number, sync: "each" | "manual"): Promise<number[]> {
  const file = await appendableOf(backend).open(storageKey(name), { mode: "create", reserveBytes: bytes * 2, sync });
  const content = sampleBytes(bytes, 1);
  for (let at = 0; at < bytes; at += 1_000) await file.append(content.subarray(at, at + 1_000));
  return [file.size];
}

async function begin(backend: StorageBackend, method: "create" | "replace", name: string): Promise<number[]> {
  const { body, asked } = endlessBody(sampleBytes(2_000_000, 1));
  // Whoever begins this is killed in the middle of it, so it never settles, unless it fails at once.
  await Promise.race([backend[method](storageKey(name), body), asked]);
  return [];
}

async function lockUnlessHeld(backend: StorageBackend, prefix: string): Promise<StorageLock | undefined> {
  try {
    return await appendableOf(backend).lock(storagePrefix(prefix));
  } catch (error) {
    if (hasCode(error, "STORAGE_LOCKED")) return undefined;
    throw error;
  }
}

/** A body that gives `before` and then nothing any more, and no end either. `asked` resolves when its end is waited for. */
function endlessBody(before: Uint8Array): { readonly body: StorageBody; readonly asked: Promise<void> } {
  const asked = gateway();
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield before;
    asked.open();
    await gateway().passed;
  }
  return { body: { open: pieces }, asked: asked.passed };
}
