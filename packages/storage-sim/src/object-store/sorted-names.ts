/**
 * Names in the order of their UTF-8 bytes, in pieces of bounded length: to add, remove or find one costs little however many there are.
 */
export class SortedNames {
  readonly #maxPiece: number;
  /** One behind the other, none empty. */
  readonly #pieces: SortedName[][] = [];

  /** @param maxPiece - How many names a piece has at most, from 2 on. */
  constructor(maxPiece = 512) {
    this.#maxPiece = maxPiece;
  }

  /** Adds a name that is not there. */
  add(name: string): void {
    const added = { name, bytes: bytesOf(name) };
    const at = this.#pieceOf(added.bytes);
    const piece = this.#pieces[at];
    if (piece === undefined) {
      this.#pieces.push([added]);
      return;
    }
    piece.splice(firstFrom(piece, added.bytes), 0, added);
    if (piece.length > this.#maxPiece) this.#pieces.splice(at + 1, 0, piece.splice(piece.length >> 1));
  }

  /** Removes a name that is there. */
  remove(name: string): void {
    const bytes = bytesOf(name);
    const at = this.#pieceOf(bytes);
    const piece = this.#pieces[at];
    const index = piece === undefined ? 0 : firstFrom(piece, bytes);
    if (piece?.[index]?.bytes !== bytes) return;
    piece.splice(index, 1);
    if (piece.length === 0) this.#pieces.splice(at, 1);
  }

  /** Names that begin with `prefix` and come behind `after`, ascending: the first `most` of them. */
  list(prefix: string, after: string, most: number): string[] {
    const [first, behind] = [bytesOf(prefix), bytesOf(after)];
    const from = first > behind ? first : behind;
    const listed: string[] = [];
    for (let at = this.#pieceOf(from); at < this.#pieces.length; at += 1) {
      const piece = this.#pieces[at] ?? [];
      for (let index = firstFrom(piece, from); index < piece.length; index += 1) {
        const found = piece[index];
        if (found === undefined || found.bytes === behind) continue;
        if (listed.length >= most || !found.bytes.startsWith(first)) return listed;
        listed.push(found.name);
      }
    }
    return listed;
  }

  /** The piece in which a name is, if it is anywhere: the last one that does not begin behind it, or else the first. */
  #pieceOf(bytes: string): number {
    return Math.max(0, indexWhere(this.#pieces, (piece) => (piece[0]?.bytes ?? "") > bytes) - 1);
  }
}

interface SortedName {
  readonly name: string;
  /** Its UTF-8 bytes, a character for each: these compare as the bytes do. */
  readonly bytes: string;
}

function bytesOf(name: string): string {
  return Buffer.from(name).toString("latin1");
}

/** Where the names begin that are not before `bytes`. */
function firstFrom(piece: readonly SortedName[], bytes: string): number {
  return indexWhere(piece, (it) => it.bytes >= bytes);
}

/** The first index from which on it is so; the length where it never is. */
function indexWhere<T>(all: readonly T[], isSo: (one: T) => boolean): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = all[middle];
    if (one !== undefined && isSo(one)) high = middle;
    else low = middle + 1;
  }
  return low;
}
