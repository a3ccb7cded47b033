import type { StorageBackend } from "@holdfast/storage";
import type { Life } from "../life.js";
import { spoilNewest } from "../spoil-newest.js";
import type { StateLedger } from "./state-ledger.js";

/** What a process that keeps a state runs on. */
export interface StateHost {
  /** Its storage. */
  open(): Promise<StorageBackend>;
  /** The process ends, and whatever it did not close is closed; the next one begins. */
  end(): void;
  /** A bit of the newest snapshot is harmed, so many bytes before its end. Answers whether there was one. */
  spoil(fromEnd: number): boolean;
}

/** What a life of such a process needs beside its host. */
export type StateLifeParts = Omit<Life<StateLedger>, "disk">;

/** A process on a simulated disk. */
export function diskHost(life: Life<StateLedger>): StateHost {
  const { disk, modules, clock } = life;
  let process = disk.process();
  return {
    open: () => modules.storageFs.fsBackend({ root: "/data", port: process.port, clock, random: life.random() }),
    end() {
      process.kill();
      process = disk.process();
    },
    spoil: (fromEnd) => spoilNewest(disk, ".snap", fromEnd) !== undefined,
  };
}
