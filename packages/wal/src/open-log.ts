import { storagePrefix, systemClock, systemRandom } from "@holdfast/storage";
import { bytesCodec } from "./codec.js";
import { announceOpened } from "./diagnostics.js";
import { openFileWriter } from "./file-writer.js";
import { DurableLog } from "./log.js";
import { openObjectWriter } from "./object-writer.js";
import { checkLogOptions } from "./options.js";
import type { Codec, Log, LogOptions } from "./types.js";

/**
 * Opens a log for writing, and answers the open log. Where storage can append: takes its lock, and recovers what an interrupted
 * writer left. On object storage: takes the log over from whoever writes to it, whose next commit is refused with WAL_FENCED.
 *
 * @param options - See {@link LogOptions}.
 * @throws STORAGE_LOCKED if another writer holds the lock; WAL_FENCED if others are faster for `takeoverTimeoutMs`; WAL_CORRUPT,
 * WAL_SEGMENT_MISSING, WAL_UNSUPPORTED_VERSION, WAL_NOT_A_LOG, with nothing changed; WAL_READ_FAILED if the storage could not be
 * read; WAL_INVALID_ARGUMENT; STORAGE_INVALID_KEY for a `prefix` that is none.
 */
export function openLog(options: LogOptions & { readonly codec?: undefined }): Promise<Log>;
export function openLog<T>(options: LogOptions<T> & { readonly codec: Codec<T> }): Promise<Log<T>>;
export async function openLog<T>(options: LogOptions<T>): Promise<Log<T> | Log> {
  const settings = checkLogOptions(options);
  const clock = options.clock ?? systemClock;
  options.signal?.throwIfAborted();
  const prefix = storagePrefix(options.prefix);
  const { storage, signal } = options;
  const random = options.random ?? systemRandom;
  const { appendable } = storage;
  const device = { storage, prefix, settings, clock, random, signal };
  const writer = await (appendable === undefined ? openObjectWriter(device) : openFileWriter({ ...device, appendable }));
  announceOpened({ prefix, recovery: writer.recovery, firstSeq: writer.firstSeq, nextSeq: writer.nextSeq });
  // In an object store what is written is durable: there is nothing to relax.
  const limits = { ...settings, prefix, clock, syncEveryMs: appendable === undefined ? undefined : settings.syncEveryMs };
  return options.codec ? new DurableLog(writer, options.codec, limits) : new DurableLog(writer, bytesCodec, limits);
}
