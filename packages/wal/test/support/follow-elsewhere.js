// Run by plain Node in a child process: follows the log "orders" below a directory until a record, and says what it is given.
import { fsBackend } from "@holdfast/storage-fs";
import { openLogReader } from "@holdfast/wal";

const [root, lastSeq] = process.argv.slice(2);
const reader = await openLogReader({ storage: await fsBackend({ root }), prefix: "orders", pollMs: 5 });
console.log("ready");
for await (const { seq, value } of reader.follow()) {
  console.log(`${seq} ${Buffer.from(value).toString("latin1").split("<")[0]}`);
  if (seq === Number(lastSeq)) break;
}
