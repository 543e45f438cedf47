import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { absent } from '../content/bytes.js';
import type { Law } from '../law.js';
import { imageOf } from './image.js';
import type { ResolverBench } from './origin.js';

/** Credentials, and what users write into names by mistake, appear in no error. */
export function secretLaws(law: Law<ResolverBench>, secrets: readonly string[]): void {
  law('no error shows what must stay secret', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const fetcher = resolver.fetcher(origin.name('app'));
    const attempts: (() => Promise<unknown>)[] = [
      () => resolver.resolve(`${origin.name('app')}:none`),
      () => resolver.resolve(origin.name('none')),
      () => resolver.resolve(`${origin.name('app')}@${absent}`),
      () => resolver.resolve('https://user:hunter2@example.com/app?token=hunter2'),
      () => fetcher.fetch({ ...image.layer.descriptor, digest: absent }),
      () => fetcher.fetch(image.layer.descriptor, { offset: -1 }),
      () => fetcher.fetch(image.layer.descriptor, { signal: AbortSignal.abort() }),
    ];
    for (const attempt of attempts) {
      const error: unknown = await attempt().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      // That it fails at all is the matter of other laws.
      if (!(error instanceof Error)) continue;
      const shown = `${error.stack} ${JSON.stringify(error)} ${inspect(error, { depth: 8, showHidden: true })}`;
      for (const secret of [...secrets, 'hunter2']) assert.ok(!shown.includes(secret), `"${error.message}" shows a secret`);
    }
  });
}
