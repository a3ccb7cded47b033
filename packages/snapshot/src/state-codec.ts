import { json, type Codec } from "@holdfast/wal";
import { jsonPieces } from "./json-pieces.js";

/** Turns a state into bytes and back, in pieces. Whatever either throws becomes STATE_CODEC_FAILED. */
export interface StateCodec<S> {
  readonly name: string;
  /**
   * The bytes of a state, the same ones each time. Asked for one after the other, with other work in between: each should take less than a
   * few milliseconds. The state does not change meanwhile. A piece may be used again for the next one.
   */
  encode(state: S): Iterable<Uint8Array>;
  /** The state of these bytes, which may be cut in other places. Pieces may be kept; they come checked, and end with an error if not all are sound. */
  decode(pieces: AsyncIterable<Uint8Array>): Promise<S>;
}

/** How states and events become bytes. What is left out is JSON. */
export interface StateCodecs<S, E> {
  readonly state?: StateCodec<S> | undefined;
  readonly event?: Codec<E> | undefined;
}

/**
 * States as JSON texts in UTF-8: those of `JSON.stringify`, but made in steps. A state has to be a value that JSON carries, and its text
 * at most 512 MiB less 1 KiB, the longest that can be read again.
 */
export function jsonState<S>(): StateCodec<S> {
  return {
    name: "json",
    *encode(state) {
      let text = "";
      let bytes = 0;
      for (const piece of jsonPieces(state)) {
        text += piece;
        if (text.length < PIECE_CHARACTERS) continue;
        const encoded = Buffer.from(text, "utf8");
        bytes += encoded.length;
        if (bytes > MAX_TEXT_BYTES) throw new RangeError(`the JSON text of the state is longer than ${MAX_TEXT_BYTES} bytes and could not be read again`);
        yield encoded;
        text = "";
      }
      if (text !== "") yield Buffer.from(text, "utf8");
    },
    async decode(pieces) {
      const parts: Uint8Array[] = [];
      for await (const piece of pieces) parts.push(piece);
      return events.decode(Buffer.concat(parts)) as S;
    },
  };
}

/** The codecs with what was left out filled in. */
export function codecsOf<S, E>(codecs: StateCodecs<S, E> = {}): { readonly state: StateCodec<S>; readonly event: Codec<E> } {
  return { state: codecs.state ?? jsonState<S>(), event: codecs.event ?? json<E>() };
}

const events = json();
const PIECE_CHARACTERS = 16 * 1024;
const MAX_TEXT_BYTES = 512 * 1024 * 1024 - 1024;
