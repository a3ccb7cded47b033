// Fixed runs on what is built, for any Node: `node scenario.js` prints a hash over their calls, and one over all that their crashes left.
import { createHash } from "node:crypto";
import { crashStates, parsePlan, seededAdversary, SimDisk, virtualClock } from "@holdfast/storage-sim";

const SEEDS = 60;
const PLANS = ["-", "write#3=short", "dsyncWrite#2=drop:EIO", "open#4+=fail:ENOSPC", "rename#1=failAfter:EIO;read#2x3=rot", "dsyncWrite#1=lie;open#9=evict"];
const PROFILES = ["posix", "ordered", "kill"];
const PATHS = ["/a", "/b", "/d", "/d/a", "/d/b"];

/** Three clients at once until a crash in one of their calls; the same on what is left, three times. */
async function run(seed, states) {
  const adversary = seededAdversary(seed, { temper: "even" });
  const faults = parsePlan(PLANS[seed % PLANS.length]);
  let disk = new SimDisk({ profile: PROFILES[seed % 4 % 3], adversary, faults, maxTurns: 4, clock: virtualClock() });
  for (let life = 0; life < 3; life += 1) {
    const crash = disk.stopAt(1 + adversary.choose("crash in call", 80));
    await Promise.race([crash, Promise.all([1, 2, 3].map((client) => work(disk.port(), adversary, client)))]);
    if (life === 1) for (const { name, disk: after } of crashStates(disk, { samples: 20 })) digest(states, name, after);
    disk = disk.crash({ kind: seed % 3 === 0 ? "process" : "power" });
    digest(states, `life ${life}`, disk);
  }
  return disk.trace().hash;
}

/** Any calls, as the adversary likes. Errors are answers too. */
async function work(port, adversary, client) {
  const path = () => PATHS[adversary.choose("path", PATHS.length)];
  const bytes = () => new Uint8Array(1 + adversary.choose("length", 3000)).fill(64 + client);
  const at = () => adversary.choose("offset", 5000);
  const calls = [
    async () => {
      const file = await port.open(path(), { mode: "lock", dsync: adversary.choose("dsync", 2) === 1 });
      await file.tryLock();
      await file.write(bytes(), at());
      if (adversary.choose("sync", 2) === 1) await file.datasync();
      await file.truncate(at());
      await file.write(bytes(), at());
      await file.read(bytes(), 0, 1, at());
      if (adversary.choose("close", 3) > 0) await file.close();
    },
    () => port.mkdir(path(), 0o700),
    () => port.rename(path(), path()),
    () => port.link(path(), path()),
    () => port.unlink(path()),
    () => port.syncDirectory("/"),
    () => port.readdir("/"),
  ];
  for (let count = 0; count < 12; count += 1) await calls[adversary.choose("call", calls.length)]().catch(() => undefined);
}

function digest(states, name, disk) {
  const shown = [...disk.files()].map(([path, bytes]) => `${path} ${Buffer.from(bytes).toString("base64")}`);
  states.update([name, ...disk.directories(), ...shown, ""].sort().join("\n"));
}

const states = createHash("sha256");
const calls = createHash("sha256");
for (let seed = 0; seed < SEEDS; seed += 1) calls.update(await run(seed, states));
console.log(`calls ${calls.digest("hex").slice(0, 16)} states ${states.digest("hex").slice(0, 16)}`);
