import type { AppendableStorage, StorageKey } from "@holdfast/storage";
import { RuntimeError } from "../errors.js";
import { markWith, type FileMark } from "./file-mark.js";

/** The end of a file of lines as it was found. */
export interface FoundTail {
  readonly key: StorageKey;
  /** Of what counts: all, or all before a torn line. */
  readonly mark: FileMark;
  /** Bytes of a torn line behind that, which are cut off. */
  readonly tornBytes: number;
  /** Whether the last line that counts has no line feed, and gets one. */
  readonly unterminated: boolean;
}

/** Whether the end of a file is not the end of a line. */
export function needsRepair({ tornBytes, unterminated }: FoundTail): boolean {
  return tornBytes > 0 || unterminated;
}

/** The mark of a file once {@link repairTails} was there. */
export function repairedMark({ mark, unterminated }: FoundTail): FileMark {
  return unterminated ? markWith(mark, LINE_FEED) : mark;
}

/**
 * Cuts off torn lines, and ends last lines that have no line feed, durably: an append behind them would make one line of two. May be called
 * again after a failure or crash.
 *
 * @throws RUNTIME_DIVERGED if a file has another size than it was found with; nothing is changed in it. Errors of the storage.
 */
export async function repairTails(appendable: AppendableStorage, tails: readonly FoundTail[]): Promise<void> {
  for (const tail of tails) {
    if (needsRepair(tail)) await repairTail(appendable, tail);
  }
}

const LINE_FEED = Uint8Array.of(0x0a);

async function repairTail(appendable: AppendableStorage, tail: FoundTail): Promise<void> {
  const { key, mark, tornBytes, unterminated } = tail;
  const file = await appendable.open(key, { mode: "continue" });
  try {
    if (![mark.bytes + tornBytes, mark.bytes, repairedMark(tail).bytes].includes(file.size)) {
      throw new RuntimeError("RUNTIME_DIVERGED", `${key} was changed by somebody else`, { operation: "repair", key, outcome: "not_applied" });
    }
    if (file.size > mark.bytes) await file.truncate(mark.bytes);
    if (unterminated) await file.append(LINE_FEED);
  } finally {
    await file.close();
  }
}
