import { MAX_U64 } from "@holdfast/bytes";
import { CheckpointError } from "./errors.js";
import type { CheckpointedStream, Recovery } from "./manager-types.js";

/** An event of a source. */
export interface SourceEvent<T> {
  readonly value: T;
  /** Where reading goes on behind it: 0 to 2^64 − 1. */
  readonly next: bigint;
  /** Nanoseconds. Default: that of the event before. */
  readonly watermarkNs?: bigint | undefined;
}

/** Where events come from, and can be read again from an offset on. */
export interface EventSource<T> {
  /** As it is called in checkpoints. */
  readonly name: string;
  /**
   * @param options - `from`: the `next` of the last event that is in the state; `undefined`: from the beginning. When `signal` aborts, the iterable
   * ends, or throws; both are taken for the end.
   */
  read(options: { readonly from: bigint | undefined; readonly signal: AbortSignal | undefined }): AsyncIterable<SourceEvent<T>>;
}

/** Options of {@link runCheckpointed}. */
export interface RunCheckpointedOptions<T> {
  /** With its operators registered; the source registers itself. */
  readonly stream: CheckpointedStream;
  readonly source: EventSource<T>;
  /** Changes the operators' states by one event, completely once it resolves. What it throws ends the loop. */
  readonly process: (value: T, event: { readonly sequence: bigint; readonly offset: bigint }) => void | Promise<void>;
  /**
   * Whether the loop stands still while a checkpoint is saved. `true`: after a crash fewer events are read once more than one interval has. `false`
   * (default): the loop goes on until the next one is due, so fewer than two intervals.
   */
  readonly waitForSaves?: boolean | undefined;
  /** Ends the loop behind the event that is being processed, with a last checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Called before the first event. */
  readonly onRecovered?: ((recovery: Recovery | undefined) => void) | undefined;
}

/** How a loop went. */
export interface RunSummary {
  readonly recovery: Recovery | undefined;
  /** Events that this call processed. */
  readonly events: bigint;
  /** Of the last event, counted from the stream's first one; 0: none ever. */
  readonly sequence: bigint;
}

/**
 * Recovers a stream and processes its source from there on, event by event, with checkpoints where they are due, until the source ends or the
 * signal aborts; then takes a last one. If the process dies, the next call goes on from the checkpoint that was saved last: what came behind it is
 * read and processed once more, on states that have not seen it. So each event counts in the states once.
 *
 * @throws What `process` or the source throws, with no further checkpoint. CHECKPOINT_FENCED as soon as a save has met it. What `recover` and the last save throw.
 */
export async function runCheckpointed<T>({ stream, source, process, waitForSaves = false, signal, onRecovered }: RunCheckpointedOptions<T>): Promise<RunSummary> {
  let offset = 0n;
  stream.registerSource(source.name, { offset: () => offset });
  const recovery = await stream.recover({ signal });
  onRecovered?.(recovery);
  let sequence = recovery?.sequence ?? 0n;
  let watermarkNs = recovery?.watermarkNs ?? 0n;
  let events = 0n;
  const from = recovery?.offsets.get(source.name);
  offset = from ?? 0n;
  let saving: Promise<void> | undefined;
  for await (const event of untilAborted(source.read({ from, signal }), signal)) {
    await process(event.value, { sequence: sequence + 1n, offset });
    offset = event.next;
    watermarkNs = event.watermarkNs ?? watermarkNs;
    sequence = nextSequence(stream, sequence);
    events += 1n;
    const { saved } = stream.onEvent(sequence, watermarkNs);
    if (saved !== undefined) {
      // What was not saved is reported by the stream, and tried again when the next one is due.
      await Promise.allSettled([waitForSaves ? saved : saving]);
      saving = saved;
    }
    if (stream.fenced !== undefined) throw stream.fenced;
  }
  await stream.checkpoint();
  return { recovery, events, sequence };
}

/** The same events; an abort is an end, also where the iterable throws. */
async function* untilAborted<T>(events: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
  const isAborted = (): boolean => signal?.aborted === true;
  try {
    for await (const event of events) {
      if (isAborted()) return;
      yield event;
    }
  } catch (error) {
    if (!isAborted()) throw error;
  }
}

function nextSequence({ streamId }: CheckpointedStream, sequence: bigint): bigint {
  if (sequence < MAX_U64) return sequence + 1n;
  throw new CheckpointError("CHECKPOINT_TOO_LARGE", "the stream has used up its sequence numbers", { operation: "runCheckpointed", streamId, sequence });
}
