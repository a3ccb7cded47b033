import { Violation } from "../violation.js";
import type { RuntimeLook, SeenEvent, SeenWorker } from "./runtime-look.js";

/** An opening, which makes its process the owner. Times count what was told to the ledger. */
export interface RuntimeOwner {
  readonly name: string;
  readonly begunAt: number;
  openedAt: number;
}

/** What a mutation adds, under a name that no other one has. */
export interface NewMutation {
  readonly name: string;
  /** Contents of its entries, each of which begins with the name, a stroke, a number and a blank. */
  readonly contents: readonly string[];
  /** Whether it has an event whose message is the name. */
  readonly hasNote: boolean;
  /** Whether it makes a worker, whose objective is the name. */
  readonly isCreation: boolean;
}

/** What a mutation was told when it was done. */
export interface MutationReceipt {
  readonly eventId?: bigint | undefined;
  readonly workerId?: string | undefined;
  /** Of its first entry. */
  readonly sequence?: bigint | undefined;
}

interface Mutation extends NewMutation {
  readonly owner: RuntimeOwner;
  readonly begunAt: number;
  acknowledgedAt: number;
  receipt: MutationReceipt;
  /** Why it can never be there. */
  void: "refused" | "superseded" | undefined;
}

/** Of something that is given up. */
interface GivingUp<T> {
  readonly what: T;
  acknowledgedAt: number;
}

/** What the users of one runtime on object storage were promised by all its owners. */
export class RuntimeOwnersLedger {
  readonly #mutations = new Map<string, Mutation>();
  readonly #owners: RuntimeOwner[] = [];
  readonly #trims: GivingUp<bigint>[] = [];
  readonly #deletions: GivingUp<string>[] = [];
  /** What stands where, as it was acknowledged or shown first: for everybody and for ever. */
  readonly #standing = new Map<string, string>();
  readonly #seen = new Set<string>();
  #now = 0;

  /** @returns What {@link opened} is told then. */
  opening(name: string): RuntimeOwner {
    const owner = { name, begunAt: this.moment(), openedAt: Infinity };
    this.#owners.push(owner);
    return owner;
  }

  opened(owner: RuntimeOwner): void {
    owner.openedAt = this.moment();
  }

  /** A moment, to be compared with later ones. */
  moment(): number {
    this.#now += 1;
    return this.#now;
  }

  offer(owner: RuntimeOwner, mutation: NewMutation): void {
    const begunAt = this.moment();
    const isLate = this.#owners.some((it) => isLater(it, owner) && it.openedAt < begunAt);
    this.#mutations.set(mutation.name, { ...mutation, owner, begunAt, acknowledgedAt: Infinity, receipt: {}, void: isLate ? "superseded" : undefined });
  }

  acknowledge(name: string, receipt: MutationReceipt): void {
    const mutation = this.#mutationOf(name);
    this.#requireOwner(mutation.owner, mutation.begunAt, name);
    if (mutation.void !== undefined) throw new Violation("I13", `${name} is acknowledged, and was not there when a later owner had opened the runtime`);
    mutation.acknowledgedAt = this.moment();
    mutation.receipt = receipt;
    const { eventId, workerId, sequence } = receipt;
    if (eventId !== undefined) this.#stands(`owner of event ${String(eventId)}`, name, "I7");
    if (workerId !== undefined && mutation.isCreation) this.#stands(`objective of ${workerId}`, name, "I7");
    if (workerId === undefined || sequence === undefined) return;
    for (const [index, content] of mutation.contents.entries()) this.#stands(`${workerId} ${String(sequence + BigInt(index))}`, content, "I7");
  }

  /** A mutation failed. */
  refuse(name: string, outcome: string | undefined): void {
    if (outcome !== "not_applied") return;
    if (this.#seen.has(name)) throw new Violation("I14", `${name} was refused as not applied, and was there`);
    this.#mutationOf(name).void = "refused";
  }

  /** @returns Told that it is done. */
  trimming(owner: RuntimeOwner, before: bigint): () => void {
    return this.#givingUp(owner, this.#trims, before);
  }

  /** @returns Told that it is done. */
  deleting(owner: RuntimeOwner, workerId: string): () => void {
    return this.#givingUp(owner, this.#deletions, workerId);
  }

  /** Whoever has not opened it until now never will. */
  endOpenings(): void {
    const now = this.moment();
    for (const owner of this.#owners) owner.openedAt = Math.min(owner.openedAt, now);
  }

  /** Whether somebody else may have taken the runtime over since it began to open it. Then it shows what it knows, until it finds out. */
  maySupersede(owner: RuntimeOwner): boolean {
    return this.#owners.some((it) => it !== owner && it.openedAt > owner.begunAt);
  }

  /** The highest id of an event that was acknowledged and that nobody asked to give up, 0 for none. */
  get lastEventId(): bigint {
    let last = this.#asked - 1n;
    for (const { receipt } of this.#mutations.values()) if (receipt.eventId !== undefined && receipt.eventId > last) last = receipt.eventId;
    return last < this.#asked ? 0n : last;
  }

  /** All that an owner sees before it has changed anything. What others have begun before, and is not in it, will never be. */
  ownerSawFirst(owner: RuntimeOwner, look: RuntimeLook): void {
    this.saw(owner.name, look, owner.begunAt);
    const names = new Set(namesIn(look));
    for (const mutation of this.#mutations.values()) {
      if (!isLater(owner, mutation.owner) || names.has(mutation.name) || this.#isGone(mutation)) continue;
      mutation.void ??= "superseded";
      if (this.#seen.has(mutation.name)) throw new Violation("I1", `${mutation.name} was shown, and is gone when ${owner.name} has opened the runtime`);
    }
  }

  /** @param since - When it began to look. */
  ownerSaw(owner: RuntimeOwner, look: RuntimeLook, since: number): void {
    this.saw(owner.name, look, this.maySupersede(owner) ? owner.begunAt : since);
    this.#checkKept(owner.name, look, since, owner);
  }

  /** @param since - When it began to look; everything that was acknowledged before is there. */
  saw(who: string, look: RuntimeLook, since: number): void {
    for (const event of look.events) this.sawEvent(who, event);
    for (const worker of look.workers) this.#sawWorker(who, worker);
    this.#checkWhole(who, look);
    this.#checkKept(who, look, since);
    this.#checkGivenUp(who, look, since);
  }

  sawEvent(who: string, { id, text, note }: SeenEvent): void {
    this.#stands(`event ${String(id)}`, text, "I3");
    if (note !== undefined) this.#sawName(who, note);
  }

  /** Somebody goes on behind what was given up. */
  begins(who: string, firstEventId: bigint): void {
    const asked = this.#asked;
    if (firstEventId > asked) throw new Violation("I1", `${who} finds event ${String(firstEventId)} as the first one, and nobody asked to give up more than what is below ${String(asked)}`);
  }

  /** Below it events may be gone. */
  get #asked(): bigint {
    return this.#trims.reduce((most, { what }) => (what > most ? what : most), 1n);
  }

  #sawWorker(who: string, { workerId, objective, entries }: SeenWorker): void {
    this.#stands(`objective of ${workerId}`, objective, "I3");
    this.#sawName(who, objective);
    for (const { sequence, eventId, content } of entries) {
      this.#stands(`${workerId} ${String(sequence)}`, content, "I3");
      this.#stands(`event of ${workerId} ${String(sequence)}`, String(eventId), "I3");
      const name = nameOf(content);
      this.#sawName(who, name);
      if (!this.#mutationOf(name).contents.includes(content)) throw new Violation("I3", `${who} finds an entry of ${name} that was never appended so`);
    }
  }

  #sawName(who: string, name: string): void {
    const mutation = this.#mutations.get(name);
    if (mutation === undefined) throw new Violation("I3", `${who} finds ${JSON.stringify(name.slice(0, 40))}, which nobody appended`);
    if (mutation.void === "refused") throw new Violation("I14", `${who} finds ${name}, which was refused as not applied`);
    if (mutation.void === "superseded") throw new Violation("I13", `${who} finds ${name} of ${mutation.owner.name}, which was not there when a later owner had opened the runtime`);
    this.#seen.add(name);
  }

  /** An event and the entries that came with it are there together. */
  #checkWhole(who: string, { events, workers }: RuntimeLook): void {
    const notes = new Map(events.flatMap(({ note, id }) => (note === undefined ? [] : [[note, id] as const])));
    const first = events[0]?.id;
    const found = new Map<string, number>();
    const present = new Set(workers.map(({ workerId }) => workerId));
    for (const { entries } of workers) {
      for (const { content, eventId } of entries) {
        const name = nameOf(content);
        found.set(name, (found.get(name) ?? 0) + 1);
        const { hasNote } = this.#mutationOf(name);
        const isKept = first !== undefined && eventId >= first;
        if (hasNote && isKept && notes.get(name) !== eventId) throw new Violation("I4", `${who} finds an entry of ${name}, and not its event ${String(eventId)}`);
      }
    }
    for (const [name, count] of found) {
      const { contents } = this.#mutationOf(name);
      if (count !== contents.length) throw new Violation("I2", `${who} finds ${count} entries of ${name}, which has ${contents.length}`);
    }
    for (const { text, note } of events) {
      const [, workerId = ""] = text.split("|");
      if (note === undefined || !present.has(workerId) || this.#mutationOf(note).contents.length === 0) continue;
      if (!found.has(note)) throw new Violation("I2", `${who} finds the event of ${note}, and none of its entries`);
    }
  }

  /** @param owner - Whose mutations are looked for. Default: everybody's. */
  #checkKept(who: string, { nextEventId, workers, events }: RuntimeLook, since: number, owner?: RuntimeOwner): void {
    const byId = new Map(workers.map((worker) => [worker.workerId, worker]));
    if (events.length > 0 || nextEventId > 1n) this.begins(who, events[0]?.id ?? nextEventId);
    for (const mutation of this.#mutations.values()) {
      if (mutation.acknowledgedAt >= since || (owner !== undefined && mutation.owner !== owner)) continue;
      const { eventId = 0n, workerId, sequence } = mutation.receipt;
      if (eventId >= nextEventId) throw new Violation("I1", `${who} finds ${String(nextEventId)} as the next event, and ${mutation.name} was acknowledged as ${String(eventId)}`);
      if (workerId === undefined || this.#deletions.some(({ what }) => what === workerId)) continue;
      const worker = byId.get(workerId);
      if (worker === undefined && (mutation.isCreation || sequence !== undefined)) throw new Violation("I1", `${who} does not find ${workerId}, where ${mutation.name} was acknowledged`);
      if (sequence !== undefined && (worker?.entries.length ?? 0) < Number(sequence) + mutation.contents.length - 1) throw new Violation("I1", `${who} does not find ${mutation.name} in ${workerId}, where it was acknowledged as ${String(sequence)}`);
    }
  }

  #checkGivenUp(who: string, { events, workers }: RuntimeLook, since: number): void {
    const floor = this.#trims.reduce((most, { what, acknowledgedAt }) => (acknowledgedAt < since && what > most ? what : most), 0n);
    const [first] = events;
    if (first !== undefined && first.id < floor) throw new Violation("I1", `${who} finds event ${String(first.id)}, and what is below ${String(floor)} was given up`);
    const back = workers.find(({ workerId }) => this.#deletions.some(({ what, acknowledgedAt }) => what === workerId && acknowledgedAt < since));
    if (back !== undefined) throw new Violation("I1", `${who} finds ${back.workerId}, which was deleted`);
  }

  #givingUp<T>(owner: RuntimeOwner, all: GivingUp<T>[], what: T): () => void {
    const begunAt = this.moment();
    const one = { what, acknowledgedAt: Infinity };
    all.push(one);
    return () => {
      this.#requireOwner(owner, begunAt, `the giving up of ${String(what)}`);
      one.acknowledgedAt = this.moment();
    };
  }

  #requireOwner(owner: RuntimeOwner, begunAt: number, what: string): void {
    const later = this.#owners.find((it) => isLater(it, owner) && it.openedAt < begunAt);
    if (later !== undefined) throw new Violation("I13", `${owner.name} is told that ${what} is done, though ${later.name} had opened the runtime before`);
  }

  /** Whether nothing of it can be seen any more: its event was trimmed, and its worker deleted. Without a receipt nobody knows where it was. */
  #isGone({ contents, hasNote, isCreation }: Mutation): boolean {
    const mayBeTrimmed = !hasNote || this.#trims.length > 0;
    const mayBeDeleted = (contents.length === 0 && !isCreation) || this.#deletions.length > 0;
    return mayBeTrimmed && mayBeDeleted;
  }

  #stands(place: string, text: string, invariant: "I3" | "I7"): void {
    const before = this.#standing.get(place);
    if (before === undefined) this.#standing.set(place, text);
    else if (before !== text) throw new Violation(invariant, `${place} is ${short(text)}, and was ${short(before)} before`);
  }

  #mutationOf(name: string): Mutation {
    const mutation = this.#mutations.get(name);
    if (mutation === undefined) throw new Violation("I3", `${short(name)} is there, which nobody appended`);
    return mutation;
  }
}

/** The mutation that an entry is of. */
function nameOf(content: string): string {
  return content.slice(0, Math.max(0, content.indexOf("/")));
}

function namesIn({ events, workers }: RuntimeLook): readonly string[] {
  return [...events.flatMap(({ note }) => note ?? []), ...workers.flatMap(({ objective, entries }) => [objective, ...entries.map(({ content }) => nameOf(content))])];
}

/** Whether one has opened certainly behind the other. */
function isLater(one: RuntimeOwner, other: RuntimeOwner): boolean {
  return one.begunAt > other.openedAt;
}

function short(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
