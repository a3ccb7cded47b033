import { json, type Codec } from "@holdfast/wal";
import { JsonAssembler } from "./json-assembler.js";
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
 * States as JSON texts in UTF-8, of any length: those of `JSON.stringify`, but made in steps, and read in steps. A state has to be a value that
 * JSON carries.
 */
export function jsonState<S>(): StateCodec<S> {
  return {
    name: "json",
    *encode(state) {
      let text = "";
      for (const piece of jsonPieces(state)) {
        text += piece;
        if (text.length < PIECE_CHARACTERS) continue;
        yield Buffer.from(text, "utf8");
        text = "";
      }
      if (text !== "") yield Buffer.from(text, "utf8");
    },
    async decode(pieces) {
      const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const assembler = new JsonAssembler();
      for await (const piece of pieces) assembler.add(utf8.decode(piece, { stream: true }));
      assembler.add(utf8.decode());
      return assembler.finish() as S;
    },
  };
}

/** The codecs with what was left out filled in. */
export function codecsOf<S, E>(codecs: StateCodecs<S, E> = {}): { readonly state: StateCodec<S>; readonly event: Codec<E> } {
  return { state: codecs.state ?? jsonState<S>(), event: codecs.event ?? json<E>() };
}

const PIECE_CHARACTERS = 16 * 1024;
