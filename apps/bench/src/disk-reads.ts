import { readFile } from "node:fs/promises";

/**
 * Bytes that this process has made the system fetch from disks so far, not from its cache: `read_bytes` of `/proc/self/io`
 * (proc_pid_io(5)). `undefined` where the system does not tell.
 */
export async function readBytesOfDisk(): Promise<number | undefined> {
  const text = await readFile("/proc/self/io", "utf8").catch(() => "");
  const digits = /^read_bytes: (\d+)$/m.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
