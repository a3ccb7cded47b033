/* A definition for workers: how often each word was committed. In JavaScript, since threads load it as it is. */
export const definition = {
  version: 2,
  initial: {},
  apply(state, { word }) {
    if (word === "") throw new Error("a word is not empty");
    return { ...state, [word]: (state[word] ?? 0) + 1 };
  },
  migrate: (event, from) => (from === 1 ? { word: event } : event),
  migrateState: (state) => state,
};

export const older = { initial: {}, apply: (state, word) => ({ ...state, [word]: (state[word] ?? 0) + 1 }) };

export const refusing = { ...definition, apply: () => { throw new Error("not this one"); } };

export const ending = {
  ...definition,
  apply() {
    process.exit(3);
  },
};

export const nothing = 5;
