/** The thread of a delay proxy: every piece of bytes is handed on after half a round trip, in order, whichever way it goes. */
import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

interface ProxyOptions {
  readonly hostname: string;
  readonly port: number;
  readonly oneWayMs: number;
}

const options: unknown = workerData;
if (!isOptions(options)) throw new TypeError("These are no options of a proxy.");
const { hostname, port, oneWayMs } = options;

const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const upstream = connect({ host: hostname, port, noDelay: true, allowHalfOpen: true });
  handOn(client, upstream);
  handOn(upstream, client);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  parentPort?.postMessage(typeof address === "object" ? address?.port : undefined);
});

function handOn(from: Socket, to: Socket): void {
  from.on("data", (piece) => {
    later(() => to.write(piece));
  });
  from.on("end", () => {
    later(() => to.end());
  });
  // A broken connection is broken on both sides; who uses it sees that there.
  from.on("error", () => to.destroy());
}

/** Timers of equal length fire in the order in which they were set. */
function later(action: () => void): void {
  if (oneWayMs === 0) action();
  else setTimeout(action, oneWayMs);
}

function isOptions(value: unknown): value is ProxyOptions {
  if (typeof value !== "object" || value === null) return false;
  const known = new Map<string, unknown>(Object.entries(value));
  return typeof known.get("hostname") === "string" && typeof known.get("port") === "number" && typeof known.get("oneWayMs") === "number";
}
