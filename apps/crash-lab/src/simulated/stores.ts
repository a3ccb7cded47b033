import type { StoreHistory } from "./store-history.js";
import { trialHistory } from "./trial-history.js";
import { checkpointHistory } from "./checkpoint/checkpoint-history.js";
import { checkpointObjectsHistory } from "./checkpoint/checkpoint-objects-history.js";
import { fsStore } from "./storage-fs/fs-store.js";
import { kinesisDirectoryHistory } from "./kinesis/directory-history.js";
import { kinesisObjectsHistory } from "./kinesis/kinesis-objects-history.js";
import { kinesisHistory } from "./kinesis/kinesis-history.js";
import { replicaHistory } from "./replica/replica-history.js";
import { replicaObjectsHistory } from "./replica-objects/replica-objects-history.js";
import { runtimeHistory } from "./runtime/runtime-history.js";
import { runtimeObjectsHistory } from "./runtime/runtime-objects-history.js";
import { stateHistory } from "./snapshot/state-history.js";
import { walStore } from "./wal/wal-store.js";
import { walObjectsHistory } from "./wal-objects/wal-objects-history.js";

/** The log: `@holdfast/wal` on `@holdfast/storage-fs`. */
export const walHistory: StoreHistory = trialHistory(walStore);

/** A directory as a backend: `@holdfast/storage-fs`. */
export const fsHistory: StoreHistory = trialHistory(fsStore);

/** One history for each store. A later package adds its own here. */
export const HISTORIES: readonly StoreHistory[] = [fsHistory, walHistory, walObjectsHistory, stateHistory, runtimeHistory, runtimeObjectsHistory, kinesisHistory, kinesisObjectsHistory, kinesisDirectoryHistory, checkpointHistory, checkpointObjectsHistory, replicaHistory, replicaObjectsHistory];
