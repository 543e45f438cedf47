import { type ContentStore, contentPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import { capabilitiesOf, type OpenSubject, type SuiteOptions } from '../subject.js';
import { blobLaws } from './blob-laws.js';
import { absent, large, put, readAll, small } from './bytes.js';
import { concurrencyLaws } from './concurrency-laws.js';
import { crashLaws } from './crash-laws.js';
import { failureLaws } from './failure-laws.js';
import { labelLaws } from './label-laws.js';
import { processLaws } from './process-laws.js';
import { replaceLaws } from './replace-laws.js';
import { resumeLaws } from './resume-laws.js';
import { writerLaws } from './writer-laws.js';

/**
 * The laws of content.v1, for any implementation. Names in brackets are those of the laws in containerd's suite. `steps` are looked for
 * while content is written, committed, aborted and deleted. Fulfils when the laws are registered.
 *
 * ```ts
 * await contentLaws({ describe, it }, openSubject, {
 *   module: new URL('./subject.ts', import.meta.url).href,
 *   manifest: new URL('../package.json', import.meta.url),
 *   steps: ['acme.commit.renamed'],
 * });
 * ```
 */
export async function contentLaws(runner: LawRunner, open: OpenSubject<ContentStore>, options: SuiteOptions = {}): Promise<void> {
  const capabilities = await capabilitiesOf(open);
  const { module, steps = [] } = options;
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);

  runner.describe('laws of content.v1', () => {
    manifestLaws(runner, open, contract, options);
    runner.describe('blobs', () => blobLaws(law));
    runner.describe('writers', () => writerLaws(law));
    runner.describe('progress', () => resumeLaws(law));
    runner.describe('labels', () => labelLaws(law, capabilities['labels'] === true));
    runner.describe('replacing', () => replaceLaws(law, capabilities['replace'] === true));
    runner.describe('failures', () => failureLaws(law));
    runner.describe('several at once', () => concurrencyLaws(law));
    if (child !== undefined) {
      runner.describe('several processes', () => processLaws(law));
      runner.describe('kill -9', () => crashLaws(law, steps));
    }
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

const contract = {
  point: contentPoint,
  methods: ['info', 'update', 'walk', 'delete', 'readerAt', 'writer', 'status', 'listStatuses', 'abort'],
} as const;

async function use(store: ContentStore): Promise<void> {
  for (const bytes of [small, large]) {
    const { digest } = await put(store, 'used', bytes);
    await readAll(store, digest);
    await (await store.readerAt(digest))[Symbol.asyncDispose]();
    await store.delete(digest);
  }
  const left = await store.writer({ ref: 'left' });
  await left.write(small);
  await left.close();
  await store.abort('left');
}

function afterDispose(store: ContentStore): Record<string, () => Promise<unknown>> {
  return {
    info: () => store.info(absent),
    update: () => store.update(absent, {}),
    walk: async () => {
      for await (const _ of store.walk()) break;
    },
    delete: () => store.delete(absent),
    readerAt: () => store.readerAt(absent),
    writer: () => store.writer({ ref: 'r' }),
    status: () => store.status('r'),
    listStatuses: () => store.listStatuses(),
    abort: () => store.abort('r'),
  };
}
