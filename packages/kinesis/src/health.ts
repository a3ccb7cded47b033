import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import { SNAPSHOT_KEY, WAL_KEY } from "./layout.js";

/**
 * How a state directory is.
 *
 * - `opening`: it is being opened. `unopened`: that failed, with `lastError`; nothing was changed.
 * - `unresumed`: it was opened, and what was found has problems that the server has to decide about; `lastError` is the first of them. The
 *   next append ends this.
 * - `ready`: it takes states.
 * - `poisoned`: a write failed with `lastError`, and nobody knows what it left. Close, and open again.
 * - `closed`.
 */
export type KinesisStatus = "opening" | "unopened" | "unresumed" | "ready" | "poisoned" | "closed";

/** The health of a state directory, as a value of a moment. */
export interface KinesisHealth {
  readonly status: KinesisStatus;
  /** Whether the state that was stored is in memory and can be gone on with. As the original says it. */
  readonly replayComplete: boolean;
  /** Whether states can be made durable, as far as is known. As the original says it. */
  readonly durableOk: boolean;
  readonly lastError: HoldfastError | undefined;
  /** Why a server must not answer, in the words of the original; `undefined` if it may. */
  readonly blockedBecause: string | undefined;
  /** Why the last snapshot failed, if it did. Appends go on; the next one that is due tries again. */
  readonly snapshotError: HoldfastError | undefined;
  /** `createdAtMs` of the last snapshot that was written by this handle. */
  readonly lastSnapshotMs: bigint | undefined;
}

/** The health of a directory that `openKinesisDirectory` has not answered for yet. */
export const openingKinesisHealth: KinesisHealth = healthOf("opening", undefined);

/**
 * The health of a directory that could not be opened: for a server that answers so instead of stopping.
 *
 * @param error - What `openKinesisDirectory` threw.
 */
export function unopenedKinesisHealth(error: unknown): KinesisHealth {
  return healthOf("unopened", error);
}

/** What every health of that status says. `error`: of `unopened`, `unresumed` and `poisoned`. */
export function healthOf(status: KinesisStatus, error: unknown, snapshots: Partial<Pick<KinesisHealth, "snapshotError" | "lastSnapshotMs">> = {}): KinesisHealth {
  const { snapshotError, lastSnapshotMs } = snapshots;
  return {
    status,
    replayComplete: status === "ready" || status === "closed",
    durableOk: status === "ready" || status === "opening",
    lastError: isHoldfastError(error) ? error : undefined,
    blockedBecause: reasonOf(status, error),
    snapshotError,
    lastSnapshotMs,
  };
}

function reasonOf(status: KinesisStatus, error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : "durable state is not ready";
  switch (status) {
    case "opening":
      return "durable replay is not complete";
    case "unopened":
      return isAboutDirectory(error) ? `failed to initialize durable state: ${message}` : message;
    case "unresumed":
      return message;
    case "ready":
      return undefined;
    case "poisoned":
      return `failed to persist wal entry: ${message}`;
    case "closed":
      return "durable state backend is unavailable";
  }
}

/** Whether the directory itself could not be made or taken, and not what is in it. */
function isAboutDirectory(error: unknown): boolean {
  return isHoldfastError(error) && error.code.startsWith("STORAGE_") && error.key !== WAL_KEY && error.key !== SNAPSHOT_KEY;
}
