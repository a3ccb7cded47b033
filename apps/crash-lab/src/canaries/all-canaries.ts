import type { Canary } from "./canary.js";
import { checkpointCanaries } from "./checkpoint-canaries.js";
import { fsCanaries } from "./fs-canaries.js";
import { kinesisCanaries } from "./kinesis-canaries.js";
import { replicaCanaries } from "./replica-canaries.js";
import { replicaObjectsCanaries } from "./replica-objects-canaries.js";
import { runtimeCanaries } from "./runtime-canaries.js";
import { runtimeObjectsCanaries } from "./runtime-objects-canaries.js";
import { snapshotCanaries } from "./snapshot-canaries.js";
import { walAccessCanaries } from "./wal-access-canaries.js";
import { walFormatCanaries } from "./wal-format-canaries.js";
import { walObjectReaderCanaries } from "./wal-object-reader-canaries.js";
import { walObjectRemovalCanaries } from "./wal-object-removal-canaries.js";
import { walObjectWriterCanaries } from "./wal-object-writer-canaries.js";
import { walRecoveryCanaries } from "./wal-recovery-canaries.js";
import { walSmallHeadCanaries } from "./wal-small-head-canaries.js";
import { walWriterCanaries } from "./wal-writer-canaries.js";

/** Every canary, each under a name of its own. A later package adds its own here. */
export const CANARIES: readonly Canary[] = [
  ...fsCanaries,
  ...walWriterCanaries,
  ...walRecoveryCanaries,
  ...walFormatCanaries,
  ...walAccessCanaries,
  ...walSmallHeadCanaries,
  ...walObjectWriterCanaries,
  ...walObjectRemovalCanaries,
  ...walObjectReaderCanaries,
  ...snapshotCanaries,
  ...checkpointCanaries,
  ...runtimeCanaries,
  ...runtimeObjectsCanaries,
  ...replicaCanaries,
  ...replicaObjectsCanaries,
  ...kinesisCanaries,
];
