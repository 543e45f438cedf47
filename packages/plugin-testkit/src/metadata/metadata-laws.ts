import { type MetadataStore, metadataPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import type { OpenSubject, SuiteOptions } from '../subject.js';
import { concurrencyLaws } from './concurrency-laws.js';
import { crashLaws } from './crash-laws.js';
import { failureLaws, newerFormatLaw } from './failure-laws.js';
import { processLaws } from './process-laws.js';
import { tableLaws } from './table-laws.js';
import { names, put } from './tables.js';
import { transactionLaws } from './transaction-laws.js';

export interface MetadataLawOptions extends SuiteOptions {
  /** Turns what a disposed store left on `root` into what a later version of it would have left. Returns the files that hold rows. */
  readonly makeNewer?: ((root: string) => Promise<readonly string[]>) | undefined;
}

/** The laws of metadata.v1, for any implementation. `steps` are looked for while rows are written. */
export function metadataLaws(runner: LawRunner, open: OpenSubject<MetadataStore>, options: MetadataLawOptions = {}): void {
  const { module, steps = [], makeNewer } = options;
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);

  runner.describe('laws of metadata.v1', () => {
    manifestLaws(runner, open, { point: metadataPoint, methods: ['read', 'write'] }, options);
    runner.describe('tables', () => tableLaws(law));
    runner.describe('transactions', () => transactionLaws(law));
    runner.describe('failures', () => {
      failureLaws(law);
      if (makeNewer !== undefined) newerFormatLaw(law, makeNewer);
    });
    runner.describe('several at once', () => concurrencyLaws(law));
    if (child !== undefined) {
      runner.describe('several processes', () => processLaws(law));
      runner.describe('kill -9', () => crashLaws(law, steps));
    }
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

async function use(store: MetadataStore): Promise<void> {
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.write(put(`used${index}`, 'x'.repeat(1000 * index)))));
  await store
    .write(() => {
      throw new Error('mine');
    })
    .catch(() => undefined);
  store.read((tx) => [...tx.entries(names)]);
  await store.write((tx) => {
    for (const [key] of tx.entries(names)) tx.delete(names, key);
  });
}

function afterDispose(store: MetadataStore): Record<string, () => Promise<unknown>> {
  return {
    read: async () => store.read((tx) => tx.get(names, 'a')),
    write: () => store.write(put('a', '1')),
  };
}
