import type { Replicator } from "@holdfast/replica";
import type { LogReader } from "@holdfast/wal";
import type { SimProcess } from "@holdfast/storage-sim";

/** A replicator in a process. */
export interface RunningReplicator {
  readonly replicator: Replicator;
  readonly process: SimProcess;
  /** If it reads the log from another process than the writer's. */
  readonly reader: LogReader | undefined;
  /** Rejects when the process is killed; what it was waiting for is never answered then. */
  readonly died: Promise<never>;
  kill(): void;
}

/** Why nothing is heard of a replicator any more. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** What was waited for did not come, though nothing has failed. */
export class GaveUp extends Error {
  override readonly name = "GaveUp";
}

/** A replicator in a process that can be killed: whoever waits for it then is told so. */
export function runningReplicator(replicator: Replicator, process: SimProcess, reader: LogReader | undefined): RunningReplicator {
  let die: (() => void) | undefined;
  const died = new Promise<never>((_, reject) => {
    die = () => {
      reject(new Killed("the process of a replicator was killed"));
    };
  });
  // Often nobody is waiting for anything.
  died.catch(() => undefined);
  return {
    replicator,
    process,
    reader,
    died,
    kill() {
      process.kill();
      die?.();
    },
  };
}
