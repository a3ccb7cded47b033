declare const KEY: unique symbol;
declare const PREFIX: unique symbol;

/** A validated, already encoded object name. Made by {@link storageKey}, never cast. */
export type StorageKey = string & { readonly [KEY]: true };

/** Zero or more directory segments, each followed by `/`; `""` is the root. Made by {@link storagePrefix}, never cast. */
export type StoragePrefix = string & { readonly [PREFIX]: true };
