import type { HttpPort, FsPort, RandomSource } from "@holdfast/storage/ports";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { s3Backend, type S3BackendOptions } from "@holdfast/storage-s3";
import { seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import type { StorageBackend } from "@holdfast/storage";

/** The time and the chance of a simulation. */
export interface SimulatedPorts {
  readonly clock: VirtualClock;
  readonly random: RandomSource;
}

/** Time that stands still until it is moved, and chance that comes back. */
export function simulatedPorts(): SimulatedPorts {
  return { clock: virtualClock(), random: seededRandom(1) };
}

/** The backend of directories, on a simulated disk: its files are below `/data`. */
export function simulatedDirectory(port: FsPort, ports: SimulatedPorts): Promise<FsBackend> {
  return fsBackend({ ...ports, root: "/data", port });
}

/** The backend of buckets, on a simulated object store. */
export function simulatedBucket(port: HttpPort, ports: SimulatedPorts, options: Pick<S3BackendOptions, "attempts" | "conditionalWrites"> = {}): StorageBackend {
  return s3Backend({
    ...ports,
    ...options,
    bucket: "bucket",
    endpoint: "http://localhost",
    region: "us-east-1",
    credentials: { accessKeyId: "id", secretAccessKey: "secret" },
    port,
  });
}
