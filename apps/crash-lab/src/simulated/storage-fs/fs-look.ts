import type { FsBackend } from "@holdfast/storage-fs";
import type { Life } from "../life.js";
import { Violation } from "../violation.js";
import { expectedError, type Disturbance } from "./fs-errors.js";
import { FileLedger } from "./file-ledger.js";
import type { FsLedger } from "./fs-ledger.js";
import { FILES, OBJECT_KEYS } from "./fs-place.js";
import type { Content } from "./object-ledger.js";
import { valueOf } from "./object-bytes.js";

/** How it is looked at. */
export interface Look extends Disturbance {
  /** By a handle that was just opened, and has flushed what it answers. */
  readonly isFirst: boolean;
  /** Nothing runs meanwhile. */
  readonly isQuiet: boolean;
}

/** Lists and reads everything, and compares it with what was promised. */
export async function lookAtAll(storage: FsBackend, { modules, ledger }: Life<FsLedger>, look: Look): Promise<void> {
  const { storageKey, storagePrefix } = modules.storage;
  const listed = await attempt("list", look, async () => {
    const sizes = new Map<string, number>();
    let last = "";
    for await (const { key, size } of storage.list(storagePrefix(""))) {
      if (key <= last) throw new Violation("I19", `the listing has ${key} behind ${last}`);
      last = key;
      sizes.set(key, size);
    }
    return sizes;
  });
  const read = (key: string): Promise<Answer> => attempt(`read of ${key}`, look, () => storage.read(storageKey(key)));
  for (const key of OBJECT_KEYS) {
    const before = ledger.object(key).possible;
    const answer = await read(key);
    if (answer !== FAILED) checkObject(key, answer, before, ledger, look);
    if (listed !== FAILED && look.isQuiet) checkListed(key, answer, listed);
  }
  for (const { key } of FILES) {
    const promised = new FileLedger(key, ledger.file(key));
    const answer = await read(key);
    if (answer !== FAILED && ledger.isHonest) promised.found(answer);
    if (listed !== FAILED && look.isQuiet) checkListed(key, answer, listed);
  }
  if (listed === FAILED) return;
  for (const key of listed.keys()) if (!KEYS.has(key)) throw new Violation("I19", `the listing has ${key}, which nobody has written`);
}

const FAILED = Symbol("failed");
type Answer = Uint8Array | undefined | typeof FAILED;
const KEYS: ReadonlySet<string> = new Set([...OBJECT_KEYS, ...FILES.map(({ key }) => key)]);

/** @param before - What was possible when it was asked for. */
function checkObject(key: string, answer: Uint8Array | undefined, before: ReadonlySet<Content>, ledger: FsLedger, { isFirst, isQuiet }: Look): void {
  const content = answer === undefined ? undefined : valueOf(key, answer);
  if (!ledger.isHonest) return;
  // It was answered while a call was being done.
  if (!isQuiet && before.has(content)) return;
  ledger.object(key).found(content, isFirst && ledger.isFaultless);
}

function checkListed(key: string, answer: Answer, listed: ReadonlyMap<string, number>): void {
  if (answer === FAILED) return;
  const size = listed.get(key);
  if (size === answer?.length) return;
  throw new Violation("I19", `${key} is listed with ${size ?? "no"} bytes, and has ${answer?.length ?? "none"}`);
}

async function attempt<T>(what: string, disturbance: Disturbance, call: () => Promise<T>): Promise<T | typeof FAILED> {
  try {
    return await call();
  } catch (error) {
    expectedError(error, what, disturbance);
    return FAILED;
  }
}
