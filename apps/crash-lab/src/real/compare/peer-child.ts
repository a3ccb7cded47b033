/**
 * A child that has one store: to append to it until its disk is gone, or to open what is left and tell what is there. What it tells are lines:
 * `ready`, `opened`, `acknowledged INDEX MS`, or `found INDEX SAME`, and at last `done` or `failed WHY`.
 */
import { readSync, writeSync } from "node:fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { seededRandom } from "../random.js";
import { machineTimeMs } from "../work/claims.js";
import { recordBytes } from "../work/record-bytes.js";
import { peers, type Peer } from "./peers.js";

const [, , what = "", name = "", directory = "", seed = ""] = process.argv;
const peer = peers.find((it) => it.name === name);
if (peer === undefined) throw new Error(`there is no store ${name}`);
const random = seededRandom(seed);
const sizes = Array.from({ length: 20_000 }, () => 1 + random.below(900));
try {
  if (what === "append") await append(peer);
  else await count(peer);
  tell("done");
} catch (error) {
  tell(`failed ${String(error).replaceAll("\n", " ")}`);
}
process.exit();

async function append(peer: Peer): Promise<void> {
  tell("ready");
  readSync(0, new Uint8Array(1));
  const store = await peer.open(directory);
  tell("opened");
  for (const [at, size] of sizes.entries()) {
    await store.append(at + 1, recordBytes(at + 1, 0, size));
    tell(`acknowledged ${at + 1} ${machineTimeMs()}`);
  }
}

async function count(peer: Peer): Promise<void> {
  const store = await peer.open(directory);
  for (const [index, bytes] of await store.records()) {
    tell(`found ${index} ${Buffer.compare(bytes, recordBytes(index, 0, sizes[index - 1] ?? 0)) === 0}`);
  }
  await store.close();
}

function tell(line: string): void {
  writeSync(REPORT_DESCRIPTOR, `${line}\n`);
}
