import { Option, type Command } from "commander";

import type { BlockWritesOptions } from "./block-writes/run.js";
import type { CompareOptions } from "./compare/run.js";
import type { FailedSyncOptions } from "./failed-sync/run.js";
import type { KillOptions } from "./kill/run.js";
import type { PowerCutOptions } from "./power-cut/run.js";
import type { SweepOptions } from "./sweep/run.js";
import type { TakeoverRungOptions } from "./takeover/run.js";
import { directoryOnDisk, outputFile, wholeNumber } from "../../../../scripts/command-line.js";

/** Adds the commands that work on this machine's real processes and disks. The code of each is loaded when it is called. */
export function addRealCommands(program: Command): void {
  rung(program, "kill", "kills writers with SIGKILL again and again, and compares what is left with what was acknowledged")
    .option("--seconds <seconds>", "for how long", atLeastOne("--seconds"), 20)
    .option("--cycles <number>", "at most so many kills of each store", atLeastOne("--cycles"))
    .action(async (options: KillOptions) => {
      const { runKill } = await import("./kill/run.js");
      process.exitCode = await runKill(options);
    });
  rung(program, "sweep", "lets each system call of each store's script fail (needs strace), and fills disks and limits")
    .option("--seconds <seconds>", "for how long; a sample of the faults is tried", atLeastOne("--seconds"), 60)
    .option("--cases <number>", "at most so many faults", atLeastOne("--cases"))
    .option("--all", "every fault, however long it takes")
    .action(async (options: SweepOptions) => {
      const { runSweep } = await import("./sweep/run.js");
      process.exitCode = await runSweep(options);
    });
  rung(program, "power-cut", "cuts the power of a mounted file system while writers write (needs root), and looks for what was acknowledged")
    .option("--cycles <number>", "how many power cuts of each file system", atLeastOne("--cycles"), 100)
    .option("--seconds <seconds>", "for so long at most, on each file system", atLeastOne("--seconds"))
    .action(async (options: PowerCutOptions) => {
      const { runPowerCut } = await import("./power-cut/run.js");
      process.exitCode = await runPowerCut(options);
    });
  rung(program, "block-writes", "records what ext4 writes to its disk (needs root and FUSE), and puts together what power loss may leave of it")
    .option("--runs <number>", "how many recordings of each kind", atLeastOne("--runs"), 2)
    .option("--states <number>", "how many crashes of each recording", atLeastOne("--states"), 20)
    .action(async (options: BlockWritesOptions) => {
      const { runBlockWrites } = await import("./block-writes/run.js");
      process.exitCode = await runBlockWrites(options);
    });
  rung(program, "failed-sync", "lets the disk below ext4 fail to write one record after the other (needs root and FUSE), and then cuts its power")
    .option("--cases <number>", "at most so many records of each store", atLeastOne("--cases"))
    .action(async (options: FailedSyncOptions) => {
      const { runFailedSync } = await import("./failed-sync/run.js");
      process.exitCode = await runFailedSync(options);
    });
  rung(program, "compare", "cuts the power under this log and under other stores (needs root), and counts what each had acknowledged and lost")
    .option("--cycles <number>", "how many power cuts of each store", atLeastOne("--cycles"), 20)
    .option("--store <text>", "only stores whose name has this text")
    .action(async (options: CompareOptions) => {
      const { runCompare } = await import("./compare/run.js");
      process.exitCode = await runCompare(options);
    });
  rung(program, "takeover", "lets processes take one log on a real S3 server from each other, some of them stopped or killed meanwhile")
    .option("--cycles <number>", "how many takeovers at most", atLeastOne("--cycles"), 100)
    .option("--seconds <seconds>", "for so long at most", atLeastOne("--seconds"))
    .addOption(new Option("--server <name>", "which server is started (default: the first of those of `npm run test:s3` that can be had)").choices(["versitygw", "minio", "moto"]))
    .action(async (options: TakeoverRungOptions) => {
      const { runTakeover } = await import("./takeover/run.js");
      process.exitCode = await runTakeover(options);
    });
}

function rung(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--seed <number>", "draws everything that is left to chance", wholeNumber("--seed", 0, MAX_NUMBER), 1)
    .option("--directory <path>", "where to work, and keep the images of disks; must be on a disk (default: .scratch/crash-lab in the repository)", directoryOnDisk("--directory"))
    .option("--json <file>", "write the result to this file as well", outputFile("--json"));
}

/** Numbers that are made from it stay exact. */
const MAX_NUMBER = 1_000_000_000_000;

/** Of nothing at all nothing could be said. */
function atLeastOne(option: string): (text: string) => number {
  return wholeNumber(option, 1, MAX_NUMBER);
}
