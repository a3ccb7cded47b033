import type { Canary } from "./canary.js";
import { fsCanaries } from "./fs-canaries.js";
import { snapshotCanaries } from "./snapshot-canaries.js";
import { walAccessCanaries } from "./wal-access-canaries.js";
import { walFormatCanaries } from "./wal-format-canaries.js";
import { walRecoveryCanaries } from "./wal-recovery-canaries.js";
import { walSmallHeadCanaries } from "./wal-small-head-canaries.js";
import { walWriterCanaries } from "./wal-writer-canaries.js";

/** Every canary, each under a name of its own. A later package adds its own here. */
export const CANARIES: readonly Canary[] = [...fsCanaries, ...walWriterCanaries, ...walRecoveryCanaries, ...walFormatCanaries, ...walAccessCanaries, ...walSmallHeadCanaries, ...snapshotCanaries];
