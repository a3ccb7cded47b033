import { Window } from "../window.js";

/** The processes that work on one log, as windows onto the bytes of a state: `writer.phase = Phase.open` writes one byte. */

/** What the writing process does next. */
export const Phase = {
  /** There is no writer. Next: open. */
  off: 0,
  /** The log is open: append, rotate, trim, close. */
  open: 1,
  /** Making a segment: its header is being written. */
  headerInFlight: 2,
  /** The header is durable. Next: sync the directory. */
  directoryUnsynced: 3,
  /** The entry is durable. Next: fill with zeros, or go on without. */
  filling: 4,
  /** The segment is made. Next: its begin. */
  beginDue: 5,
  beginInFlight: 6,
  /** Recovery copies the unproven frames, one after the other. */
  copying: 7,
  /** One frame of any kind is being written. */
  frameInFlight: 8,
  /** A trim is durable. Next: remove the segments below the floor. */
  removing: 9,
  /** No room to copy the unproven frames: read and trim only. */
  readOnly: 10,
  /** Opening was refused because of damage. Nothing more happens. */
  refused: 11,
  /** A segment is to be made. */
  creating: 12,
} as const;

/** Why a segment is being made. */
export const Goal = {
  append: 0,
  /** Recovery copies unproven frames into it. */
  copy: 1,
  /** Made ahead of its use. */
  ahead: 2,
  /** A trim whose floor stands in the begin. */
  trim: 3,
  /** The same on a full disk, before recovery copies. */
  trimAndCopy: 4,
  /** Recovery copies unproven frames, and the small head whose place the segment takes. */
  replace: 5,
  /** The first append needs a segment, and it takes the place of a small head. */
  replaceForAppend: 6,
} as const;

/** Whether a segment made for `goal` takes the place of the head. */
export function takesPlace(goal: number): boolean {
  return goal === Goal.replace || goal === Goal.replaceForAppend;
}

/** The one process that has the lock. All of it is lost when the process ends. */
export class Writer extends Window {
  static readonly size = 18;

  /** One of {@link Phase}. */
  get phase(): number { return this.get(0); }
  set phase(value: number) { this.set(0, value); }

  /** Number of the segment it writes to, 0 before it has one. */
  get current(): number { return this.get(1); }
  set current(value: number) { this.set(1, value); }

  /** Number of the segment that was made ahead, 0 if there is none. */
  get prepared(): number { return this.get(2); }
  set prepared(value: number) { this.set(2, value); }

  /** What {@link making} is for, one of {@link Goal}. */
  get goal(): number { return this.get(3); }
  set goal(value: number) { this.set(3, value); }

  /** Number of the segment that is being made. After opening: the number planned for the next one. */
  get making(): number { return this.get(4); }
  set making(value: number) { this.set(4, value); }

  /** What the next begin says about its predecessor: the head of the plan, later the segment before the current one. */
  get head(): number { return this.get(5); }
  set head(value: number) { this.set(5, value); }

  /** Its proven end, in frames. */
  get headEnd(): number { return this.get(6); }
  set headEnd(value: number) { this.set(6, value); }

  /** Last sequence number below {@link headEnd}. */
  get headLastSeq(): number { return this.get(7); }
  set headLastSeq(value: number) { this.set(7, value); }

  /** Last sequence number that has to be copied. */
  get copyThrough(): number { return this.get(8); }
  set copyThrough(value: number) { this.set(8, value); }

  /** Number of the segment that is copied from. */
  get source(): number { return this.get(9); }
  set source(value: number) { this.set(9, value); }

  /** First frame of the source that is not copied yet. */
  get sourceIndex(): number { return this.get(10); }
  set sourceIndex(value: number) { this.set(10, value); }

  get nextSeq(): number { return this.get(11); }
  set nextSeq(value: number) { this.set(11, value); }

  /** Frames of the current segment that are known to be durable. */
  get durableFrames(): number { return this.get(12); }
  set durableFrames(value: number) { this.set(12, value); }

  /** Frames of the current segment that are written. */
  get frames(): number { return this.get(13); }
  set frames(value: number) { this.set(13, value); }

  get floorSeq(): number { return this.get(14); }
  set floorSeq(value: number) { this.set(14, value); }

  get floorNumber(): number { return this.get(15); }
  set floorNumber(value: number) { this.set(15, value); }

  /** A frame behind the current begin is durable and all copies are: the segment counts, and files may be removed for it. */
  get isEstablished(): boolean { return this.get(16) === 1; }
  set isEstablished(value: boolean) { this.set(16, value ? 1 : 0); }

  /** The part of {@link floorSeq} that is known to be durable: proven when the log was opened, or stated by this writer. */
  get durableFloorSeq(): number { return this.get(17); }
  set durableFloorSeq(value: number) { this.set(17, value); }

  /** The process ends, and what it knew with it. */
  end(): void { this.clear(0, Writer.size); }

  /** Forgets everything but the phase. */
  forget(): void { this.clear(1, Writer.size); }
}

/** A follower in another process. */
export class Reader extends Window {
  static readonly size = 2;

  /** Number of the segment it reads from, 0 for none. */
  get segment(): number { return this.get(0); }
  set segment(value: number) { this.set(0, value); }

  /** The sequence number it delivers next, 0 if there is no reader. */
  get nextSeq(): number { return this.get(1); }
  set nextSeq(value: number) { this.set(1, value); }
}

/** A writer that lives on beside its successor. Only when the rule of the lock is broken. */
export class Zombie extends Window {
  static readonly size = 4;

  /** Number of the segment it writes to, 0 if there is no such writer. */
  get segment(): number { return this.get(0); }
  set segment(value: number) { this.set(0, value); }

  get frames(): number { return this.get(1); }
  set frames(value: number) { this.set(1, value); }

  get nextSeq(): number { return this.get(2); }
  set nextSeq(value: number) { this.set(2, value); }

  get durableFrames(): number { return this.get(3); }
  set durableFrames(value: number) { this.set(3, value); }

  end(): void { this.clear(0, Zombie.size); }
}
