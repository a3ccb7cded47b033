import { isHoldfastError } from "@holdfast/storage";
import type { AppendOptions, Log } from "@holdfast/wal";

import type { LogLedger, Offer } from "../simulated/wal/log-ledger.js";

/** One writer's life. What it is asked to do, and what it answers, goes into a ledger. A refusal is an answer. */
export interface Life {
  readonly log: Log;
  /** Appends one record, or several as a batch. Answers whether it was acknowledged. */
  append(values: string | readonly string[], options?: Pick<AppendOptions, "durability" | "expectedSeq">): Promise<boolean>;
  trim(seq: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** @param isRelaxed - Whether the log acknowledges what is only written. */
export function recordedLife(log: Log, ledger: LogLedger, isRelaxed: boolean): Life {
  return {
    log,
    async append(values, options) {
      const list = (typeof values === "string" ? [values] : values).map(bytesOf);
      const offer = ledger.offer(log.nextSeq, list);
      const [only] = list;
      const append = list.length === 1 && only !== undefined ? log.append(only, options) : log.appendBatch(list, options);
      const isAcknowledged = await answered(append, ledger, offer);
      if (isAcknowledged) ledger.acknowledge(offer, !isRelaxed || options?.durability === "synced");
      if (isAcknowledged) ledger.synced(log.durableSeq);
      return isAcknowledged;
    },
    async trim(seq) {
      ledger.trimAsked(seq);
      if (await answered(log.trim(seq), ledger)) ledger.trimmed(log.firstSeq);
      ledger.synced(log.durableSeq);
    },
    async sync() {
      await answered(log.sync(), ledger);
      ledger.synced(log.durableSeq);
    },
    async close() {
      await answered(log.close(), ledger);
      ledger.synced(log.durableSeq);
    },
  };
}

/** The bytes of a value. */
function bytesOf(value: string): Uint8Array {
  return Buffer.from(value, "latin1");
}

/** Whether a call was answered with ok. What an error says about records goes into the ledger. */
async function answered(call: Promise<unknown>, ledger: LogLedger, offer?: Offer): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (offer !== undefined && error.outcome === "not_applied") ledger.withdraw(offer);
    if (error.code === "WAL_POISONED") ledger.doubt("firstSeq" in error && typeof error.firstSeq === "number" ? error.firstSeq : 0);
    return false;
  }
}
