import type { SimDisk } from "@holdfast/storage-sim";
import { seededDraw } from "../draws.js";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { Violation } from "../violation.js";
import type { Branch } from "./replication-ledger.js";
import { Replication } from "./replication.js";
import { close, openReplicator, sync, waitFor } from "./replicating.js";
import { restore } from "./restoring.js";
import { settle } from "./settle-replication.js";
import { openSource } from "./writing.js";

/** What is played: all of it follows from this. */
export interface ReplicationOptions {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
}

/** What was played. */
export interface PlayedReplication {
  readonly replication: Replication;
  readonly violation: Violation | undefined;
}

/**
 * A writer who comes again and again, two replicators who take the replica from each other, somebody who restores, disks that lose their
 * power one at a time, and requests that meet what chance likes. Then the faults end, and what can be restored is compared with all
 * that was promised.
 */
export async function playReplication({ modules, profile, seed }: ReplicationOptions): Promise<PlayedReplication> {
  const replication = new Replication({ modules, profile, seed }, seededDraw(seed));
  let violation: Violation | undefined;
  try {
    const { world } = replication;
    const play = new Play(replication);
    await world.turns.run(Promise.all([play.write(), play.replicate(), play.replicate(), play.restore()]));
    replication.believeAll();
    world.calm();
    await world.turns.run(settle(replication));
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return { replication, violation };
}

/** A disk as it was, and what its users were told until then. */
interface Image {
  readonly disk: SimDisk;
  readonly branch: Branch;
}

class Play {
  readonly #replication: Replication;
  #image: Image | undefined;

  constructor(replication: Replication) {
    this.#replication = replication;
  }

  /** Lives of the writer. Between them its disk may be exchanged for an older copy, or its log for what is restored of it. */
  async write(): Promise<void> {
    const { world, ledger } = this.#replication;
    const { draw } = world;
    for (let life = 1 + draw(3); life > 0; life -= 1) {
      this.#plan();
      const process = world.process("w", { diesAfter: draw(3) === 0 ? 1 + draw(80) : Infinity });
      await Promise.race([this.#live(process), process.died]);
      if (world.isDisk("source") && draw(4) === 0) this.#image = { disk: world.image("source"), branch: ledger.copyOf(ledger.current) };
      else if (this.#image !== undefined && draw(2) === 0) this.#goBack(this.#image);
      else if (draw(6) === 0) await this.#replace();
    }
  }

  /** When the power will fail. */
  #plan(): void {
    const { world } = this.#replication;
    for (const side of ["source", "target"] as const) if (world.isDisk(side) && world.draw(2) === 0) world.cutAfter(side, 1 + world.draw(120));
  }

  async #live(process: ReturnType<Replication["world"]["process"]>): Promise<void> {
    const { world, conditions } = this.#replication;
    const { draw } = world;
    const writer = await openSource(this.#replication, process);
    if (writer === undefined) return;
    const beside = conditions.kind.name === "log" && draw(3) === 0 ? await openReplicator(this.#replication, process, { source: writer.source }) : undefined;
    for (let left = 2 + draw(6); left > 0 && !writer.isOver; left -= 1) {
      await writer.append();
      if (draw(4) === 0) await writer.shorten();
      if (beside !== undefined && draw(3) === 0) await sync(this.#replication, beside);
      if (draw(4) === 0) await this.#pass(draw(300));
    }
    if (beside !== undefined && draw(2) === 0) await close(this.#replication, beside);
    if (draw(2) === 0) await writer.close();
    this.#replication.believeAll();
    process.kill();
  }

  /** Lives of a replicator that reads the log by itself. */
  async replicate(): Promise<void> {
    const { world } = this.#replication;
    const { draw } = world;
    for (let life = 1 + draw(3); life > 0; life -= 1) {
      const process = world.process("r", { diesAfter: draw(3) === 0 ? 1 + draw(60) : Infinity });
      await Promise.race([this.#ship(process), process.died]);
    }
  }

  async #ship(process: ReturnType<Replication["world"]["process"]>): Promise<void> {
    const { draw } = this.#replication.world;
    const running = await openReplicator(this.#replication, process);
    if (running === undefined) {
      await this.#pass(100);
      return;
    }
    for (let left = 1 + draw(5); left > 0 && running.replicator.status().state === "running"; left -= 1) {
      if (draw(2) === 0) await sync(this.#replication, running);
      else await waitFor(this.#replication, running, running.branch.history.lastSeq);
      if (draw(2) === 0) await this.#pass(draw(200));
    }
    const ending = draw(3);
    // Else it goes on, and is taken over.
    if (ending === 0) await close(this.#replication, running);
    else if (ending === 1) {
      this.#replication.believe(running);
      process.kill();
    }
  }

  async restore(): Promise<void> {
    const { world } = this.#replication;
    const { draw } = world;
    for (let count = draw(3); count > 0; count -= 1) {
      await this.#pass(draw(500));
      const process = world.process("x", { diesAfter: draw(2) === 0 ? 1 + draw(60) : Infinity });
      await Promise.race([this.#restoreSome(process), process.died]);
      process.kill();
    }
  }

  async #restoreSome(process: ReturnType<Replication["world"]["process"]>): Promise<void> {
    const { world, ledger } = this.#replication;
    const { draw } = world;
    const generation = ledger.generations[draw(Math.max(1, ledger.generations.length))];
    const promisedSeq = generation === undefined ? 0 : ledger.promisedSeq(generation);
    const seq = promisedSeq > 0 && draw(3) === 0 ? 1 + draw(promisedSeq) : undefined;
    await restore(this.#replication, process, draw(2) === 0 ? {} : { generation, seq });
  }

  #goBack({ disk, branch }: Image): void {
    const { world, ledger } = this.#replication;
    this.#replication.believeAll();
    world.goBackTo("source", disk);
    ledger.goBackTo(branch);
  }

  /** What is restored becomes the source; who replicates the log before goes on doing so. */
  async #replace(): Promise<void> {
    const { world, ledger } = this.#replication;
    const process = world.process("x");
    const ended = await Promise.race([restore(this.#replication, process), process.died]);
    if (ended !== undefined && ended !== "died") ledger.replaceBy(ended.prefix, ended);
    process.kill();
  }

  /** Time goes by. */
  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#replication.world.clock.setTimer(resolve, ms);
    });
  }
}
