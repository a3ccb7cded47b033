import { isHoldfastError } from "@holdfast/storage";
import type { AppendOptions, Log } from "@holdfast/wal";

import type { LogLedger } from "./log-ledger.js";

/** One writer's life. What it is asked to do, and what it answers, goes into a ledger. A refusal is an answer. */
export interface Life {
  readonly log: Log;
  /** Appends one record, or several as a batch. */
  append(values: string | readonly string[], options?: Pick<AppendOptions, "durability">): Promise<void>;
  trim(seq: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** @param isRelaxed - Whether the log acknowledges what is only written. */
export function recordedLife(log: Log, ledger: LogLedger, isRelaxed: boolean): Life {
  return {
    log,
    async append(values, options) {
      const list = typeof values === "string" ? [values] : values;
      const first = log.nextSeq;
      ledger.offer(first, list);
      await answered(list.length === 1 ? log.append(bytesOf(list[0] ?? ""), options) : log.appendBatch(list.map(bytesOf), options), {
        done: () => {
          for (const [index, value] of list.entries()) {
            if (isRelaxed) ledger.wrote(first + index, value);
            else ledger.promise(first + index, value);
          }
          if (isRelaxed && options?.durability === "synced") ledger.synced(first + list.length - 1);
        },
        notApplied: () => {
          ledger.withdraw(first, list);
        },
      });
    },
    async trim(seq) {
      ledger.askTrim(seq);
      await answered(log.trim(seq), {
        done: () => {
          ledger.trimmed(seq);
          if (isRelaxed) ledger.synced(log.durableSeq);
        },
      });
    },
    async sync() {
      const last = log.nextSeq - 1;
      await answered(log.sync(), {
        done: () => {
          ledger.synced(last);
        },
      });
    },
    async close() {
      const last = log.nextSeq - 1;
      await answered(log.close(), {
        done: () => {
          ledger.synced(last);
        },
      });
    },
  };
}

/** The bytes of a value. */
export function bytesOf(value: string): Uint8Array {
  return Buffer.from(value, "latin1");
}

/** The value of bytes. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

async function answered(call: Promise<unknown>, on: { readonly done: () => void; readonly notApplied?: () => void }): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.outcome === "not_applied") on.notApplied?.();
    return;
  }
  on.done();
}
