import { createHash } from "node:crypto";
import type { StorageKey } from "@holdfast/storage";
import { CHECKSUM_HEADER, checksumOf } from "./checksum.js";
import { ignoreBody } from "./client.js";
import { badAnswer, RequestFailure, storageError, toStorageError, type Failure } from "./errors.js";
import type { ObjectStore } from "./object-store.js";
import { isAbsent } from "./reading.js";
import { readXml } from "./responses.js";
import { childrenOf, childText, escapeXml } from "./xml.js";

/**
 * Removes objects, a thousand in one request. All are tried, whatever becomes of the others.
 *
 * @throws STORAGE_REMOVE_FAILED with the keys that are not known to be removed; `signal.reason`.
 */
export async function removeObjects(
  store: ObjectStore,
  keys: readonly StorageKey[],
  failure: Failure,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unique = [...new Set(keys)];
  const failed: StorageKey[] = [];
  let cause: unknown;
  for (let at = 0; at < unique.length; at += BATCH_KEYS) {
    const batch = unique.slice(at, at + BATCH_KEYS);
    const left = new Set(batch);
    try {
      await store.client.retry(signal, (attempt) => removeSome(store, left, attempt));
    } catch (error) {
      signal?.throwIfAborted();
      cause ??= error;
      failed.push(...left);
    }
  }
  if (failed.length === 0) return;
  const { message, retryable } = toStorageError(cause, failure);
  throw storageError("STORAGE_REMOVE_FAILED", `${failed.length} of ${unique.length} keys are not known to be removed (${message})`, {
    ...failure,
    failedKeys: failed,
    retryable,
    cause,
  });
}

const BATCH_KEYS = 1_000;

/** One attempt; takes out of `left` what is known to be removed, so that the next one asks for the rest. */
async function removeSome(store: ObjectStore, left: Set<StorageKey>, signal: AbortSignal): Promise<void> {
  const [only] = left;
  if (left.size === 1 && only !== undefined) {
    await removeOne(store, only, signal);
    left.clear();
    return;
  }
  const failures = await removeBatch(store, [...left], signal);
  for (const key of [...left]) if (!failures.has(store.objectName(key))) left.delete(key);
  const [failure] = failures.values();
  if (left.size > 0 && failure !== undefined) throw failure;
}

async function removeOne({ client, objectName }: ObjectStore, key: StorageKey, signal: AbortSignal): Promise<void> {
  try {
    await client.attempt({ method: "DELETE", key: objectName(key) }, signal, ignoreBody);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** @returns What went wrong, by object name. */
async function removeBatch({ client, objectName }: ObjectStore, keys: readonly StorageKey[], signal: AbortSignal): Promise<Map<string, RequestFailure>> {
  const objects = keys.map((key) => `<Object><Key>${escapeXml(objectName(key))}</Key></Object>`).join("");
  const body = Buffer.from(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects}</Delete>`);
  const headers = {
    "content-type": "application/xml",
    // One of the two is demanded; which one depends on the age of the store.
    "content-md5": createHash("md5").update(body).digest("base64"),
    [CHECKSUM_HEADER]: checksumOf(body),
  };
  const request = { method: "POST", query: { delete: "" }, headers, body } as const;
  const result = await client.attempt(request, signal, (response) => readXml(response, "DeleteResult"));
  const failures = new Map<string, RequestFailure>();
  for (const item of childrenOf(result, "Error")) {
    const name = childText(item, "Key");
    const code = childText(item, "Code") ?? "";
    if (name === undefined || !keys.some((key) => objectName(key) === name)) throw badAnswer("an error about a key that was not to be removed");
    if (code !== "NoSuchKey") failures.set(name, failureOf(code));
  }
  return failures;
}

function failureOf(said: string): RequestFailure {
  const code = /^[A-Za-z0-9_.-]{1,80}$/.test(said) ? said : "Unexplained";
  return new RequestFailure(`the store answered ${code}`, { code, outcome: "unknown", transient: code !== "AccessDenied" });
}
