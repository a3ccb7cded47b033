import type { StoreHistory } from "./store-history.js";
import { trialHistory } from "./trial-history.js";
import { walStore } from "./wal/wal-store.js";

/** The log: `@holdfast/wal` on `@holdfast/storage-fs`. */
export const walHistory: StoreHistory = trialHistory(walStore);

/** One history for each store. A later package adds its own here. */
export const HISTORIES: readonly StoreHistory[] = [walHistory];
