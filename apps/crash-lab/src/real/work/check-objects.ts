import { storageKey, storagePrefix } from "@holdfast/storage";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";

import { inTime } from "../in-time.js";
import { OBJECTS_PREFIX } from "./child-options.js";
import type { ObjectsLedger } from "./objects-ledger.js";
import { recordBytes } from "./record-bytes.js";

/**
 * Opens a backend after a crash as its next user would, and compares what is there with the ledger.
 *
 * @param token - If given, an object is replaced with this token and read back: the backend must be of use again.
 * @returns How many objects and files are there.
 * @throws What the backend throws: it is not readable, or not writable.
 */
export function checkObjects(root: string, ledger: ObjectsLedger, token?: number): Promise<number> {
  return inTime("checking the objects", openAndCheck(root, ledger, token));
}

async function openAndCheck(root: string, ledger: ObjectsLedger, token: number | undefined): Promise<number> {
  await using storage = await fsBackend({ root });
  if (token !== undefined) {
    ledger.take({ is: "begin", token, attempt: { what: "replace", key: REPLACED_KEY, size: REPLACED_BYTES } });
    await storage.replace(REPLACED_KEY, recordBytes(token, 0, REPLACED_BYTES));
    ledger.take({ is: "acknowledged", token });
  }
  const listed = await listAll(storage);
  await ledger.check({ listed, read: (key) => storage.read(storageKey(key)) });
  return listed.size;
}

async function listAll(storage: FsBackend): Promise<ReadonlyMap<string, number>> {
  const listed = new Map<string, number>();
  for await (const { key, size } of storage.list(storagePrefix(OBJECTS_PREFIX))) listed.set(key, size);
  return listed;
}

const REPLACED_KEY = storageKey(`${OBJECTS_PREFIX}/after/the-crash.bin`);
const REPLACED_BYTES = 300;
