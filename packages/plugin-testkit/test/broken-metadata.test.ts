import type { MetadataStore, ReadTransaction, WriteTransaction } from '@slipway/plugin-api';
import { isKind } from '@slipway/plugin-api';
import { MemoryMetadataPlace, memoryMetadata, metadataLaws, type OpenSubject } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { openSubject as openBatching } from './batching-metadata.ts';
import { openSubject as openFile } from './file-metadata.ts';
import { GroupRunner } from './group-runner.ts';
import { openSubject as openStale } from './stale-metadata.ts';

type Change = (sound: MetadataStore, place: MemoryMetadataPlace) => Partial<MetadataStore>;

/** The store in memory, with some methods replaced. */
function opener(change: Change): OpenSubject<MetadataStore> {
  const places = new Map<string, MemoryMetadataPlace>();
  return async (root) => {
    const place = places.get(root) ?? new MemoryMetadataPlace();
    places.set(root, place);
    const sound = memoryMetadata(place);
    const instance: MetadataStore = {
      read: (fn) => sound.read(fn),
      write: (fn) => sound.write(fn),
      ...change(sound, place),
    };
    return { instance, capabilities: {}, [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose]() };
  };
}

const iterations = (tx: ReadTransaction): Pick<ReadTransaction, 'entries' | 'keys'> => ({
  entries: (table, options) => tx.entries(table, options),
  keys: (table, options) => tx.keys(table, options),
});

/** Every transaction, with some methods replaced. */
const transactions = (
  reading: (tx: ReadTransaction) => Partial<ReadTransaction>,
  writing: (tx: WriteTransaction) => Partial<WriteTransaction> = () => ({}),
): OpenSubject<MetadataStore> =>
  opener((sound) => ({
    read: (fn) => sound.read((tx) => fn({ get: (t, k) => tx.get(t, k), ...iterations(tx), ...reading(tx) })),
    write: (fn) =>
      sound.write((tx) =>
        fn({
          get: (t, k) => tx.get(t, k),
          ...iterations(tx),
          put: (t, k, v) => tx.put(t, k, v),
          delete: (t, k) => tx.delete(t, k),
          ...reading(tx),
          ...writing(tx),
        }),
      ),
  }));

interface Fault {
  readonly fault: string;
  readonly open: OpenSubject<MetadataStore>;
  /** Those that fail; all others hold. */
  readonly laws: readonly string[];
}

const faults: readonly Fault[] = [
  {
    fault: 'rows come in another order',
    open: transactions((tx) => ({
      *entries(table, options) {
        yield* [...tx.entries(table, options)].sort(([a], [b]) => (a < b ? -1 : 1));
      },
    })),
    laws: ['iterates in the byte order of UTF-8 keys, within the table and the prefix'],
  },
  {
    fault: 'the prefix is not looked at',
    open: transactions((tx) => ({ entries: (table) => tx.entries(table) })),
    laws: [
      'iterates in the byte order of UTF-8 keys, within the table and the prefix',
      'iterates over thousands of rows, also while they are changed',
    ],
  },
  {
    fault: 'what a throwing callback wrote stays',
    open: opener((sound) => ({
      async write(fn) {
        let thrown: { readonly error: unknown } | undefined;
        const result = await sound.write((tx) => {
          try {
            return fn(tx);
          } catch (error) {
            thrown = { error };
            return undefined;
          }
        });
        if (thrown !== undefined) throw thrown.error;
        return result as ReturnType<typeof fn>;
      },
    })),
    laws: [
      'a callback that throws leaves nothing, and rejects with what it threw',
      'a callback that throws undoes nothing of the writes beside it',
      'refuses what is no JSON data, and writes nothing',
      'refuses to put what the table would refuse when it is read, and writes nothing',
    ],
  },
  {
    fault: 'an asynchronous callback is waited for',
    open: opener((sound) => ({
      async write(fn) {
        let result: ReturnType<typeof fn> | undefined;
        await sound.write((tx) => {
          result = fn(tx) as ReturnType<typeof fn>;
        });
        return (await result) as ReturnType<typeof fn>;
      },
    })),
    laws: ['refuses a callback that returns a promise, and writes nothing'],
  },
  {
    fault: 'writes are lost when the store is disposed',
    open: opener((_sound) => {
      const alone = memoryMetadata();
      return { read: (fn) => alone.read(fn), write: (fn) => alone.write(fn) };
    }),
    laws: [
      'acknowledged writes are there after reopening',
      'a write that is under way when the store is disposed is on disk when its promise fulfils',
      'what one store wrote, another one sees at once',
      'two stores exclude each other: a counter counts every write',
      'disposing one store leaves the other working',
      'after dispose every call is refused, and says so',
    ],
  },
  {
    fault: 'a refused value is taken as absent',
    open: transactions((tx) => ({
      get(table, key) {
        try {
          return tx.get(table, key);
        } catch (error) {
          if (!isKind(error, 'data-loss')) throw error;
          return undefined;
        }
      },
    })),
    laws: ['a value that the table refuses is data-loss and names table and key'],
  },
  {
    fault: 'keys of any size are taken',
    open: transactions(
      () => ({}),
      (tx) => ({ put: (table, key, value) => tx.put(table, Buffer.byteLength(key) > 1024 ? 'long' : key, value) }),
    ),
    laws: ['refuses a key of 0 or 1,025 bytes, takes one of 1,024'],
  },
  {
    fault: 'values are changed in silence',
    open: transactions(
      () => ({}),
      (tx) => ({
        put: (table, key, value) =>
          tx.put(table, key, (JSON.stringify(value) === undefined ? null : JSON.parse(JSON.stringify(value))) as never),
      }),
    ),
    laws: ['refuses what is no JSON data, and writes nothing'],
  },
  {
    fault: 'delete always says that a row was there',
    open: transactions(
      () => ({}),
      (tx) => ({
        delete(table, key) {
          tx.delete(table, key);
          return true;
        },
      }),
    ),
    laws: ['gives what was put, until it is replaced or deleted'],
  },
  {
    fault: 'a nested write sees the outer one come later',
    open: opener((sound, place) => {
      let inside = 0;
      return {
        async write(fn) {
          const isNested = inside > 0;
          const run = (tx: WriteTransaction): ReturnType<typeof fn> => {
            inside += 1;
            try {
              return fn(tx) as ReturnType<typeof fn>;
            } finally {
              inside -= 1;
            }
          };
          if (!isNested) return await sound.write(run);
          const own = new MemoryMetadataPlace();
          own.rows = place.rows;
          const result = memoryMetadata(own).write(run);
          return await result;
        },
      };
    }),
    laws: ['a write called inside a write is a transaction of its own, after it'],
  },
  {
    fault: 'a read in a write sees what is not committed',
    open: opener((sound) => {
      let current: WriteTransaction | undefined;
      return {
        read: (fn) => (current === undefined ? sound.read(fn) : fn(current)),
        write: (fn) =>
          sound.write((tx) => {
            current = tx;
            try {
              return fn(tx);
            } finally {
              current = undefined;
            }
          }),
      };
    }),
    laws: ['a read called inside a write does not see what is not committed'],
  },
  {
    fault: 'a disposed store goes on',
    open: opener((_sound, place) => {
      const immortal = memoryMetadata(place);
      return { read: (fn) => immortal.read(fn), write: (fn) => immortal.write(fn) };
    }),
    laws: ['after dispose every call is refused, and says so'],
  },
];

const groups = ['manifest agreement', 'tables', 'transactions', 'failures', 'several at once', 'clean-up'];

describe('the laws of metadata that fail', () => {
  for (const { fault, open, laws } of faults) {
    it(`when ${fault}`, async () => {
      const runner = new GroupRunner();
      metadataLaws(runner, open);
      expect(await runner.failing(groups)).toEqual(laws);
    });
  }
});

const moduleOf = (name: string): string => new URL(name, import.meta.url).href;

describe('the laws of several processes fail', () => {
  it('when opening puts back an older state', async () => {
    const runner = new GroupRunner();
    metadataLaws(runner, openStale, { module: moduleOf('./stale-metadata.ts') });
    const law = 'what is acknowledged is seen and stays while other processes open and close the store';
    expect(await runner.outcomeOf(law)).toMatchObject({ code: 'ERR_ASSERTION' });
  });
});

describe('the laws of kill -9 fail', () => {
  it('when acknowledged writes wait for others to be kept', async () => {
    const runner = new GroupRunner();
    metadataLaws(runner, openBatching, { module: moduleOf('./batching-metadata.ts'), steps: ['test.write.done'] });
    expect(await runner.failing(['kill -9'])).toEqual([
      'after test.write.done, the 7. time, what was acknowledged is there',
      'at any moment of several processes: what was acknowledged is there, and others go on',
    ]);
  });

  it('when a step that is named is never announced', async () => {
    const runner = new GroupRunner();
    metadataLaws(runner, openFile, { module: moduleOf('./file-metadata.ts'), steps: ['never.announced'] });
    expect(await runner.failing(['kill -9'])).toEqual([
      'after never.announced, the 1. time, what was acknowledged is there',
      'after never.announced, the 7. time, what was acknowledged is there',
    ]);
  });
});
