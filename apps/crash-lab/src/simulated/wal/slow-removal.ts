import type { Clock, FsPort } from "@holdfast/storage/ports";
import { withOwn } from "../with-own.js";

/** The same file system, where removing a file takes long, as on a disk that is busy: a log fills segments meanwhile. */
export function slowlyRemoving(port: FsPort, clock: Clock): FsPort {
  return withOwn(port, {
    unlink: async (path) => {
      await new Promise<void>((resolve) => {
        clock.setTimer(resolve, REMOVAL_MS);
      });
      await port.unlink(path);
    },
  });
}

/** No time passes while a log appends; of the waits in a script some are longer. */
const REMOVAL_MS = 100;
