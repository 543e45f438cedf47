import { defineTable, type MetadataStore, type WriteTransaction } from '@slipway/plugin-api';

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new Error(`found ${typeof value}, expected a string`);
  return value;
};
const number = (value: unknown): number => {
  if (typeof value !== 'number') throw new Error(`found ${typeof value}, expected a number`);
  return value;
};

export const names = defineTable('names', text);
/** The same table, for who expects other values in it. */
export const numbers = defineTable('names', number);
export const things = defineTable('names/things', (value: unknown) => value);
export const neighbour = defineTable('name', text);
/** A count of the rows of {@link names}: a commit by half would show. */
export const counts = defineTable('counts', number);

export const put =
  (key: string, value: string) =>
  (tx: WriteTransaction): void =>
    tx.put(names, key, value);

export const all = (store: MetadataStore): (readonly [key: string, value: string])[] =>
  store.read((tx) => [...tx.entries(names)]);

/** Two rows and their count, in one transaction. */
export const putPair =
  (key: string, value = 'v') =>
  (tx: WriteTransaction): void => {
    for (const half of ['a', 'b']) tx.put(names, `${key}/${half}`, value);
    tx.put(counts, 'rows', (tx.get(counts, 'rows') ?? 0) + 2);
  };
