import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { CheckpointState } from "../../src/index.js";

/** A recorded case, as its JSON has it. */
export interface Vector {
  readonly case: string;
  readonly stream_id: string;
  readonly original?: OriginalResult;
  readonly original_by_cut?: readonly { readonly from: number; readonly to: number; readonly result: OriginalResult & { readonly n_operators?: number; readonly n_sources?: number } }[];
  readonly correct_reader: string;
  readonly correct_results?: readonly unknown[];
  readonly original_results?: readonly unknown[] | { readonly stderr: string };
  readonly other_serialisations?: readonly { readonly file: string }[];
  readonly kind?: string;
  readonly script: Script;
}

export interface OriginalResult {
  readonly status: "ok" | "error";
  readonly message?: string;
  readonly state?: OriginalState;
}

interface Script {
  readonly max_per_stream: number;
  readonly interval: string;
  readonly preload?: readonly { readonly stream: string; readonly sequence: string }[];
  readonly ops: readonly { readonly op: string; readonly stream: string; readonly sequence: string; readonly watermark_ns: string; readonly event_count?: string }[];
}

interface OriginalState {
  readonly stream_id: string;
  readonly sequence: string;
  readonly watermark_ns: string;
  readonly event_count: string;
  readonly operators: readonly { readonly name: string | null; readonly name_sha256?: string; readonly state_hex?: string; readonly state_sha256?: string; readonly state_len?: number }[];
  readonly sources: readonly { readonly name: string; readonly offset: string }[];
}

const root = new URL("../vectors/", import.meta.url);

export const vectors: readonly Vector[] = readdirSync(root).filter((name) => name !== "native").sort().map((name) => JSON.parse(readFileSync(new URL(`${name}/expected.json`, root), "utf8")) as Vector);

export function vectorBytes(name: string, file = "checkpoint.bin"): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}/${file}`, root)));
}

/** What a state is, in the words of the recorded ones: large values by their hash, names in any order. */
export function described(state: CheckpointState, like: OriginalState): unknown {
  const byHash = like.operators.some((it) => it.state_sha256 !== undefined);
  return {
    stream_id: state.id.streamId,
    sequence: String(state.id.sequence),
    watermark_ns: String(state.watermarkNs),
    event_count: String(state.eventCount),
    operators: sorted(Array.from(state.operators, ([name, bytes]) => (byHash ? [sha256(name), bytes.length, sha256(bytes)] : [name, Buffer.from(bytes).toString("hex")]))),
    sources: sorted(Array.from(state.sources, ([name, offset]) => [name, String(offset)])),
  };
}

export function asDescribed(like: OriginalState): unknown {
  const { stream_id, sequence, watermark_ns, event_count } = like;
  return {
    stream_id,
    sequence,
    watermark_ns,
    event_count,
    operators: sorted(like.operators.map(({ name, name_sha256, state_hex, state_len, state_sha256 }) => (state_sha256 === undefined ? [name, state_hex] : [name_sha256, state_len, state_sha256]))),
    sources: sorted(like.sources.map(({ name, offset }) => [name, offset])),
  };
}

function sorted(rows: readonly unknown[][]): unknown {
  return rows.map((row) => JSON.stringify(row)).sort();
}

function sha256(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("hex");
}
