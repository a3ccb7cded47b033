import { Violation } from "../violation.js";
import { KEEP } from "./checkpoint-ledger.js";

/** A save, from its call on. Times count what was told to the ledger. */
interface Save {
  readonly value: number;
  readonly sequence: number;
  readonly owner: Owner;
  readonly begunAt: number;
  acknowledgedAt: number;
  /** From here on nobody who begins to look may see it: it was not there when a later owner had opened, or came after that. */
  deadAt: number;
}

/** An opening, which makes its process the owner. */
export interface Owner {
  readonly name: string;
  readonly begunAt: number;
  openedAt: number;
}

/** What the users of one stream were promised by all its owners. A value is a number that only one save has. */
export class OwnersLedger {
  readonly #saves = new Map<number, Save>();
  readonly #owners: Owner[] = [];
  readonly #deletions: { readonly below: number; readonly begunAt: number }[] = [];
  #now = 0;

  /** @returns What {@link opened} is told then. */
  opening(name: string): Owner {
    const owner = { name, begunAt: this.#tick(), openedAt: Infinity };
    this.#owners.push(owner);
    return owner;
  }

  opened(owner: Owner): void {
    owner.openedAt = this.#tick();
  }

  /** A moment, to be compared with later ones. */
  moment(): number {
    return this.#tick();
  }

  offer(owner: Owner, sequence: number): number {
    const value = this.#saves.size + 1;
    const begunAt = this.#tick();
    // Who was superseded before it began can save nothing any more.
    const isLate = this.#owners.some((it) => isLater(it, owner) && it.openedAt < begunAt);
    this.#saves.set(value, { value, sequence, owner, begunAt, acknowledgedAt: Infinity, deadAt: isLate ? begunAt : Infinity });
    return value;
  }

  acknowledge(value: number): void {
    const save = this.#saveOf(value);
    save.acknowledgedAt = this.#tick();
    const later = this.#owners.find((it) => isLater(it, save.owner) && it.openedAt < save.begunAt);
    if (later !== undefined) throw new Violation("I13", `${save.owner.name} is told that ${value} is saved, though ${later.name} had opened the stream before`);
  }

  /** It was certainly not done. */
  refuse(value: number): void {
    const save = this.#saveOf(value);
    save.deadAt = Math.min(save.deadAt, this.#tick());
  }

  deleting(below: number): void {
    this.#deletions.push({ below, begunAt: this.#tick() });
  }

  /** All that an owner saw after it had opened. What others have begun, and is not in it, will never be. */
  ownerSaw(owner: Owner, found: ReadonlyMap<number, number>, since: number): void {
    this.#check(owner.name, found, owner.begunAt);
    const seenAt = this.#tick();
    const seen = new Set(found.values());
    for (const save of this.#saves.values()) {
      const isOthers = isLater(owner, save.owner) && save.begunAt < since;
      if (isOthers && !seen.has(save.value)) save.deadAt = Math.min(save.deadAt, seenAt);
    }
  }

  /** The latest checkpoint that somebody saw, who owns nothing. */
  readerSaw(name: string, latest: { readonly sequence: number; readonly value: number } | undefined, since: number): void {
    if (latest !== undefined) this.#checkValue(name, latest.sequence, latest.value, since);
    const missed = [...this.#saves.values()].find((it) => it.acknowledgedAt < since && it.sequence > (latest?.sequence ?? -1) && !this.#isDeleted(it.sequence));
    if (missed !== undefined) throw new Violation("I1", `${name} is given ${latest?.sequence ?? "nothing"} as the latest, though ${missed.sequence} was saved before it looked`);
  }

  #check(name: string, found: ReadonlyMap<number, number>, since: number): void {
    for (const [sequence, value] of found) this.#checkValue(name, sequence, value, since);
    const sequences = [...found.keys()];
    for (const save of this.#saves.values()) {
      if (save.acknowledgedAt >= since || found.get(save.sequence) === save.value || this.#isDeleted(save.sequence)) continue;
      const isReplaced = [...this.#saves.values()].some((it) => it.sequence === save.sequence && it.begunAt > save.begunAt);
      const isNotKept = sequences.filter((it) => it > save.sequence).length >= KEEP;
      if (!isReplaced && !isNotKept) throw new Violation("I1", `${name} does not find ${save.value} under ${save.sequence}, which was saved before it opened the stream`);
    }
  }

  #checkValue(name: string, sequence: number, value: number, since: number): void {
    const save = this.#saves.get(value);
    if (save?.sequence !== sequence) throw new Violation("I3", `${name} finds ${value} under ${sequence}, which was never saved there`);
    if (save.deadAt < since) throw new Violation("I13", `${name} finds ${value} of ${save.owner.name} under ${sequence}, which was not there when a later owner had opened the stream`);
  }

  #isDeleted(sequence: number): boolean {
    return this.#deletions.some(({ below }) => sequence < below);
  }

  #saveOf(value: number): Save {
    const save = this.#saves.get(value);
    if (save === undefined) throw new RangeError(`nobody saved ${value}`);
    return save;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}

/** Whether one has opened certainly behind the other. */
function isLater(one: Owner, other: Owner): boolean {
  return one.begunAt > other.openedAt;
}
