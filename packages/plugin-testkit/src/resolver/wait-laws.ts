import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { becomes } from '../becomes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { imageOf, readBody } from './image.js';
import type { ResolverBench } from './origin.js';

/** Every wait ends. */
export function waitLaws(law: Law<ResolverBench>, isWatched: boolean): void {
  law('what was canceled before it began asks nobody', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const before = origin.requests();
    const signal = AbortSignal.abort();
    await expectKind(resolver.resolve(origin.name('app'), { signal }), 'canceled');
    await expectKind(resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor, { signal }), 'canceled');
    assert.equal(origin.requests(), before);
  });

  if (isWatched) silenceLaws(law);
}

function silenceLaws(law: Law<ResolverBench>): void {
  law('an origin that does not answer is left when the signal says so', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    origin.stall(0);
    const attempts: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => resolver.resolve(origin.name('app'), { signal }),
      (signal) => resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor, { signal }),
    ];
    for (const attempt of attempts) {
      const abort = new AbortController();
      const before = origin.requests();
      const waiting = settled(attempt(abort.signal));
      await becomes(() => origin.requests() > before, 'the origin was not asked');
      abort.abort();
      await expectKind(soon(waiting), 'canceled');
      await becomes(() => origin.active() === 0, 'the request was not given up');
    }
  });

  law('an origin that falls silent is left when the signal says so', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 5_000_000 });
    await origin.publish('app', image);
    origin.stall(1_000_000);
    const abort = new AbortController();
    await using content = await resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor, { signal: abort.signal });
    const body = content.body[Symbol.asyncIterator]();
    await body.next();
    const reading = settled(
      (async () => {
        while ((await body.next()).done !== true);
      })(),
    );
    abort.abort();
    await expectKind(soon(reading), 'canceled');
    await becomes(() => origin.active() === 0, 'the connection was not given up');
  });

  law('an origin that falls silent is unavailable after a while', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 5_000_000 });
    await origin.publish('app', image);
    origin.stall(1_000_000);
    await using content = await resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor);
    await expectKind(readBody(content), 'unavailable');
    await becomes(() => origin.active() === 0, 'the connection was not given up');
  });

  law('an origin that never answers is unavailable after a while', async ({ instance: { resolver, origin } }) => {
    await origin.publish('app', imageOf());
    origin.stall(0);
    await expectKind(resolver.resolve(origin.name('app')), 'unavailable');
    await becomes(() => origin.active() === 0, 'the request was not given up');
  });

  law('what is under way when the resolver is disposed ends', async ({ subject, instance: { resolver, origin } }) => {
    const image = imageOf({ size: 5_000_000 });
    await origin.publish('app', image);
    origin.stall(1_000_000);
    const content = await resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor);
    const reading = settled(readBody(content));
    origin.stall(0);
    const resolving = settled(resolver.resolve(origin.name('app')));
    await subject[Symbol.asyncDispose]();
    for (const waiting of [reading, resolving] satisfies Promise<unknown>[]) {
      const error: unknown = await soon<unknown>(waiting).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof Error, 'it went on');
    }
    await content[Symbol.asyncDispose]();
  });
}

/** Its rejection is looked at later. */
function settled<R>(work: Promise<R>): Promise<R> {
  work.catch(() => undefined);
  return work;
}

/** The contract says within a second; a busy machine is given more. */
async function soon<R>(work: Promise<R>): Promise<R> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      work,
      setTimeout(20_000, undefined, { signal: timer.signal }).then(() => assert.fail('it still waits after 20 seconds')),
    ]);
  } finally {
    timer.abort();
  }
}
