import type { StorageKey } from "@holdfast/storage";
import { RuntimeError } from "../errors.js";
import { changedFiles, foreignChanges } from "../files/inspect-projection.js";
import { eventsKey } from "../files/layout.js";
import { hasBytesOf } from "../files/file-mark.js";
import { prepareProjection } from "../files/prepare-projection.js";
import { writeRuntimeFiles } from "../files/write-runtime-files.js";
import type { LoadedRuntime } from "../load.js";
import { PageStore } from "../pages/page-store.js";
import type { ProjectionState } from "../state/projection-state.js";
import { encodeMutation, type Change } from "../stored/change.js";
import { importFiles, type Imported, type ImportParts } from "./import-files.js";
import { keptContent } from "./kept-content.js";
import { changedFile, keyedMarks } from "./marks.js";

/** Who is right where both the journal and the files have what the other has not. */
export type Resolution = "journal" | "files";

/** How the files and the journal were brought together. */
export interface Reconciled extends Imported {
  /** Files that somebody else changed. */
  readonly changed: readonly StorageKey[];
}

/**
 * Compares the files with what was written to them. What is missing is written later; where somebody else changed them and nothing is
 * missing, they are taken over.
 *
 * @throws RUNTIME_DIVERGED if both have what the other has not, and nobody says who is right; nothing is changed then. As `importFiles`.
 */
export async function reconcile(parts: ImportParts, loaded: LoadedRuntime, projection: ProjectionState, resolve: Resolution | undefined): Promise<Reconciled> {
  const changed = await foreignFiles(parts, projection);
  if (changed.length === 0) return { loaded, findings: [], changed };
  const isUnwritten = projection.isBehind || projection.batch !== undefined;
  if (isUnwritten && resolve === undefined) throw diverged(changed);
  if (isUnwritten && resolve === "journal") {
    await rewriteFiles(parts, loaded, projection, changed);
    return { loaded, findings: [], changed };
  }
  const imported = await importFiles(parts, loaded.state);
  if (imported !== undefined) return { ...imported, changed };
  // All files are gone: what the journal has is written anew.
  await rewriteFiles(parts, loaded, projection, changed);
  return { loaded, findings: [], changed };
}

async function foreignFiles({ place }: ImportParts, projection: ProjectionState): Promise<readonly StorageKey[]> {
  const { storage, prefix, known } = place;
  const marks = keyedMarks(prefix, projection.files);
  const key = eventsKey(prefix);
  const { rewriting, batch } = projection;
  if (rewriting !== undefined) {
    // Nothing else was being written: it is the old one or the new one.
    const other = new Map([...marks, [key, rewriting]]);
    const isNew = await hasBytesOf(storage, key, rewriting);
    return changedFiles(storage, prefix, isNew ? other : marks);
  }
  if (batch === undefined) return changedFiles(storage, prefix, marks, { known });
  return foreignChanges(storage, prefix, prepareProjection(prefix, marks, batch));
}

/** The files as the journal has it, all of them anew; those of workers that it does not know go. */
async function rewriteFiles({ place, log, settings }: ImportParts, { state, logId }: LoadedRuntime, projection: ProjectionState, changed: readonly StorageKey[]): Promise<void> {
  const { storage, prefix } = place;
  const pages = new PageStore(storage, settings.prefix, logId ?? log.logId ?? "");
  const marks = await writeRuntimeFiles(keptContent({ state, pages }), { storage, prefix });
  const known = new Set([...keyedMarks(prefix, projection.files).keys(), ...changed]);
  const gone = [...known].filter((key) => !marks.has(key));
  await storage.remove(gone);
  const files = [...[...marks].map(([key, mark]) => changedFile(prefix, key, mark)), ...gone.map((key) => changedFile(prefix, key, undefined))];
  const changes: readonly Change[] = [{ type: "projecting" }, { type: "projected", files }];
  state.apply(changes, await log.append(encodeMutation(changes, state.runtimeId)));
}

function diverged(changed: readonly StorageKey[]): RuntimeError {
  const others = changed.length > 1 ? ` and ${changed.length - 1} more` : "";
  const message = `somebody else changed ${changed[0] ?? "the files"}${others} while there were mutations that are not in the files yet; say with \`resolve\` who is right`;
  return new RuntimeError("RUNTIME_DIVERGED", message, { operation: "openRuntimeDirectory", key: changed[0], outcome: "not_applied" });
}
