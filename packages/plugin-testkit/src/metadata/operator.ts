import type { MetadataStore } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { names, numbers, putPair } from './tables.js';

/** What a child process does. */
export type MetadataOperation =
  | readonly ['put', key: string, value: string]
  /** Adds one to a row, this many times. */
  | readonly ['count', times: number]
  /** Writes this many pairs of rows, one transaction each, and says the number of each one that was acknowledged. */
  | readonly ['pairs', name: string, times: number]
  /** Puts a row and stops itself within the transaction, when it holds the lock. */
  | readonly ['stopInside', key: string];

export const operate: Operate<MetadataStore, MetadataOperation> = async (store, operation, say) => {
  switch (operation[0]) {
    case 'put': {
      const [, key, value] = operation;
      await store.write((tx) => tx.put(names, key, value));
      return undefined;
    }
    case 'count':
      for (let index = 0; index < operation[1]; index++) {
        await store.write((tx) => tx.put(numbers, 'n', (tx.get(numbers, 'n') ?? 0) + 1));
      }
      return undefined;
    case 'pairs': {
      const [, name, times] = operation;
      for (let index = 0; index < times; index++) {
        await store.write(putPair(`${name}/${String(index).padStart(6, '0')}`, 'x'.repeat((index * 97) % 3000)));
        say(String(index));
      }
      return undefined;
    }
    case 'stopInside':
      await store.write((tx) => {
        tx.put(names, operation[1], '1');
        process.kill(process.pid, 'SIGSTOP');
      });
      return undefined;
  }
};
