import { encodeUtf8 } from "@holdfast/bytes";

/** The longest id of a runtime or worker, in bytes of UTF-8: what its directory's name can hold in 255 characters. */
export const MAX_ID_BYTES = 126;

/** Why a text cannot be the id of a runtime or worker; `undefined` if it can. */
export function whyNotId(id: string): string | undefined {
  if (isBlank(id)) return "an id must not be blank";
  if (id.length > MAX_ID_BYTES) return `an id must not have more than ${MAX_ID_BYTES} bytes of UTF-8`;
  if (/\p{Surrogate}/u.test(id)) return "an id must not have half a character";
  return encodeUtf8(id).length > MAX_ID_BYTES ? `an id must not have more than ${MAX_ID_BYTES} bytes of UTF-8` : undefined;
}

/** Whether a text has nothing but white space, as Unicode and Rust's `trim` know it: U+0085 is some, U+FEFF is not. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text);
}

/**
 * The name of the directory of a runtime or worker: `id-` and the id's UTF-8 in lower case hexadecimal. Safe for `..`, `/`, NUL, and for
 * ids that differ in case alone.
 *
 * @param id - One that {@link whyNotId} finds nothing wrong with.
 */
export function idSegment(id: string): string {
  return `id-${Array.from(encodeUtf8(id), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The inverse of {@link idSegment}; `undefined` for every name that it does not answer. */
export function idOfSegment(name: string): string | undefined {
  if (!/^id-(?:[0-9a-f]{2})+$/.test(name)) return undefined;
  const bytes = Uint8Array.from(name.slice(3).match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
  try {
    const id = strict.decode(bytes);
    return whyNotId(id) === undefined ? id : undefined;
  } catch {
    // Not UTF-8. No id gives such a name, which is all there is to say about it.
    return undefined;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
