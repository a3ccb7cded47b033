import { joinKey } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { localDirectories } from "./files/directory-access.js";
import type { RuntimeFinding } from "./files/finding.js";
import { KnownFiles } from "./files/known-files.js";
import { runtimePrefix as filesPrefix } from "./files/layout.js";
import { invalidArgument, requireWholeNumber } from "./errors.js";
import { openJournal } from "./journal.js";
import { loadRuntime } from "./load.js";
import { runtimeSettings, type RuntimeSettings } from "./options.js";
import { Payloads } from "./payloads.js";
import { importFiles } from "./projection/import-files.js";
import type { ProjectionPlace } from "./projection/projector.js";
import { reconcile, type Reconciled, type Resolution } from "./projection/reconcile.js";
import { DurableRuntime, startRuntime, type Report } from "./store.js";
import type { EventPayloads, RuntimeStore, RuntimeStoreOptions } from "./types.js";

/** Options of {@link openRuntimeDirectory}. */
export interface RuntimeDirectoryOptions<E extends EventPayloads = EventPayloads, M = unknown> extends Omit<RuntimeStoreOptions<E, M>, "storage" | "prefix"> {
  /** Who is right where somebody else changed the files while mutations were not yet in them. Default: nobody, RUNTIME_DIVERGED. */
  readonly resolve?: Resolution | undefined;
  /** Milliseconds after which a mutation is in the files: 1 to 3,600,000. Default 1,000. */
  readonly projectEveryMs?: number | undefined;
  /** Of `fsBackend`. */
  readonly port?: FsPort | undefined;
  /** Of `fsBackend`: permission bits of files. Default 0o600. */
  readonly fileMode?: number | undefined;
  /** Of `fsBackend`: permission bits of a directory that is made. Default 0o700. */
  readonly directoryMode?: number | undefined;
}

/**
 * Opens a runtime in a directory of yoi, or a new one there. The journal is in `holdfast/`, beside `runtimes/`, whose files follow it and are
 * complete after `checkpoint` and `close`. Takes a lock, which keeps away other processes that use this package; yoi itself takes none and
 * must not run on the runtime meanwhile.
 *
 * @param path - The root: the directory that `runtimes` is in. Made if missing.
 * @throws as `openRuntimeStore`; RUNTIME_CORRUPT, RUNTIME_MISSING, RUNTIME_UNSUPPORTED_VERSION for files that cannot be used at all;
 * RUNTIME_DIVERGED, with nothing changed.
 */
export async function openRuntimeDirectory<E extends EventPayloads = EventPayloads, M = unknown>(path: string, options: RuntimeDirectoryOptions<E, M>): Promise<RuntimeStore<E, M>> {
  const operation = "openRuntimeDirectory";
  const settings = runtimeSettings(operation, options);
  const payloads = new Payloads(options.schemas);
  const everyMs = requireWholeNumber(operation, "projectEveryMs", options.projectEveryMs ?? 1000, 1, 3_600_000);
  const resolutions: readonly (string | undefined)[] = [undefined, "journal", "files"];
  if (!resolutions.includes(options.resolve)) throw invalidArgument(operation, "resolve is neither journal nor files");
  const { clock, random, port, fileMode, directoryMode } = options;
  const storage = await fsBackend({ root: path, clock, random, port, fileMode, directoryMode });
  // A port has no empty directories to look at or to remove.
  const directories = port === undefined ? localDirectories(path) : undefined;
  const known = directories && new KnownFiles({ storage, directories, key: joinKey(settings.prefix, "files.known") });
  const place = { storage, prefix: filesPrefix(options.runtimeId), directories, known, everyMs };
  try {
    const store = await openOver(storage, place, settings, payloads, options);
    // What was not in the files is now. If it cannot be, that is told in `health`.
    await store.project().catch(() => undefined);
    return store;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function openOver<E extends EventPayloads, M>(storage: FsBackend, place: ProjectionPlace, settings: RuntimeSettings, payloads: Payloads<E, M>, options: RuntimeDirectoryOptions<E, M>): Promise<DurableRuntime<E, M>> {
  const { clock, random, signal, resolve } = options;
  const log = await openJournal({ storage, settings, clock, random, signal });
  try {
    const parts = { place, appendable: storage.appendable, log, settings };
    const known = await loadRuntime({ storage, log, settings, signal });
    const found: Reconciled =
      known === undefined
        ? { ...((await importFiles(parts)) ?? { loaded: await startRuntime(log, settings, true), findings: [] }), changed: [] }
        : await reconcile(parts, known, requireProjection(known.state.projection), resolve);
    const { loaded, findings, changed } = found;
    const store = new DurableRuntime({ storage, log, settings, payloads, loaded, findings, place, release: () => storage.close() });
    await store.report(reports(findings, loaded === known ? [] : changed));
    return store;
  } catch (error) {
    await log.close();
    throw error;
  }
}

function requireProjection<T>(projection: T | undefined): T {
  if (projection !== undefined) return projection;
  throw invalidArgument("openRuntimeDirectory", "this runtime has no files behind its journal; open it with openRuntimeStore");
}

/** Findings, and that files of somebody else were taken over, as diagnostics of the runtime. */
function reports(findings: readonly RuntimeFinding[], changed: readonly string[]): readonly Report[] {
  const imported = changed.length === 0 ? [] : [{ code: "files.imported", message: `files that somebody else changed were taken over: ${changed.slice(0, 5).join(", ")}${changed.length > 5 ? ", …" : ""}` }];
  const found = findings.map(({ code, message, key, line, workerId }) => ({ code: `files.${code}`, message: `${key}: ${line === undefined || message.startsWith("line ") ? "" : `line ${line}: `}${message}`, workerId }));
  return [...imported, ...found];
}
