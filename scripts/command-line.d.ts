/** What the exit codes of every program mean, for its help: 0 done, 1 a check failed, 2 refused, 130 and 143 ended by a signal. */
export const EXIT_CODES: string;

/** The program will not do what it was asked to; the message says why, in the user's words. Exit code 2, without a stack. */
export class RefusedError extends Error {}

/** Runs a program and takes its answer as the exit code; of a {@link RefusedError} it prints the message, and the code is 2. */
export function runProgram(program: () => Promise<number>): Promise<void>;

/** For `exitOverride` of commander: what it refuses (an unknown option, a missing argument) ends with 2 as well, and its help with 0. */
export function exitAsCommanderSays(error: { readonly exitCode: number }): never;

/**
 * SIGINT, SIGTERM and SIGHUP end the process with 130, 143 and 129 and a last line. What has to be undone is registered with
 * `process.once("exit", undo)`, where nothing can be waited for. Not for a program that never lets the process take a turn.
 */
export function endOnSignals(): void;

/**
 * Removes a directory that this process works in, at once, and again if it is back a moment later: when a process is told to end, the
 * threads that do its file operations go on with what they had been given.
 */
export function removeNow(directory: string): void;

/** Reads a whole number, `least` ≤ n ≤ `most`, in decimal digits. @throws RefusedError for any other text, as all of these do. */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number;

/** Reads a number, `least` ≤ n ≤ `most`, in decimal digits with or without a point. */
export function decimalNumber(option: string, least: number, most: number): (text: string) => number;

/** Reads a regular expression. The empty one is refused. */
export function regularExpression(option: string): (text: string) => RegExp;

/** Refuses an option that chooses among `names` and has chosen none. `given` is its value, as a person wrote it. */
export function refuseNoMatch(option: string, given: string, names: readonly string[]): never;

/** Answers the absolute path of a file that can be written: it is tried, and nothing is left or changed. */
export function outputFile(option: string): (text: string) => string;

/** Answers the absolute path of a file, or a pipe, that can be read. */
export function inputFile(option: string): (text: string) => string;

/** Answers the absolute path of a directory that is there, or can be made, on a disk, and can be written to. Nothing is left of trying. */
export function directoryOnDisk(option: string): (text: string) => string;

/** Whether a file system is one that Linux keeps in memory; elsewhere the magic numbers mean nothing, and none is known to. */
export function isInMemory(fileSystem: { readonly type: number }, platform?: string): boolean;
