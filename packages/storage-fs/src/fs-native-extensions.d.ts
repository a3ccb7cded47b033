declare module "fs-native-extensions" {
  /** Whether an exclusive lock on the whole open file was taken. Throws system errors other than "held by another". */
  export function tryLock(descriptor: number): boolean;
  export function unlock(descriptor: number): void;
}
