/** Opens a log in a fresh process and reports the milliseconds it took. Arguments: root directory, prefix. */
import { writeSync } from "node:fs";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { REPORT_DESCRIPTOR } from "../child.js";

const [root = "", prefix = ""] = process.argv.slice(2);
await using storage = await fsBackend({ root });
const started = performance.now();
const log = await openLog({ storage, prefix });
const milliseconds = performance.now() - started;
await log.close();
writeSync(REPORT_DESCRIPTOR, `${milliseconds}\n`);
