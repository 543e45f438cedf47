import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { digestOf } from '@slipway/oci';
import { assertBytes } from '../assert-bytes.js';
import { becomes } from '../becomes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { imageOf, readBody } from './image.js';
import type { ResolverBench } from './origin.js';

/** From a descriptor to bytes. */
export function fetchLaws(law: Law<ResolverBench>, isWatched: boolean): void {
  law('documents and blobs are fetched whole', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 2_000_000 });
    await origin.publish('app', image);
    const fetcher = resolver.fetcher(`${origin.name('app')}:latest`);
    for (const { descriptor, bytes } of [image.manifest, ...image.blobs]) {
      await using content = await fetcher.fetch(descriptor);
      assert.equal(content.offset, 0);
      assertBytes(await readBody(content), bytes);
    }
  });

  law('content begins where it says: at the offset asked for, or at 0', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 1_000_000 });
    await origin.publish('app', image);
    const fetcher = resolver.fetcher(origin.name('app'));
    for (const { descriptor, bytes } of [image.layer, image.manifest]) {
      const { size } = descriptor;
      for (const offset of [0, 1, 100, Math.floor(size / 2), size - 1, size]) {
        await using content = await fetcher.fetch(descriptor, { offset });
        assert.ok(content.offset === offset || content.offset === 0, `asked for ${offset}, found ${content.offset}`);
        assertBytes(await readBody(content), bytes.subarray(content.offset));
      }
    }
  });

  law('an offset that is none is out-of-range', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const { descriptor } = image.layer;
    for (const offset of [descriptor.size + 1, -1, 1.5, Number.NaN]) {
      await expectKind(resolver.fetcher(origin.name('app')).fetch(descriptor, { offset }), 'out-of-range');
    }
  });

  if (isWatched) lazinessLaw(law);

  law('content of another size than its descriptor says is failed-precondition', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 500_000 });
    await origin.publish('app', image);
    for (const size of [499_000, 501_000]) {
      const read = async (): Promise<unknown> => {
        await using content = await resolver.fetcher(origin.name('app')).fetch({ ...image.layer.descriptor, size });
        return await readBody(content);
      };
      await expectKind(read(), 'failed-precondition');
    }
    await becomes(() => origin.active() === 0, 'answers are left open');
  });

  law('much is fetched at once', async ({ instance: { resolver, origin } }) => {
    const images = Array.from({ length: 6 }, (_, index) => imageOf({ tag: `t${index}`, seed: index + 1, size: 700_000 }));
    for (const image of images) await origin.publish('app', image);
    const fetcher = resolver.fetcher(origin.name('app'));
    await Promise.all(
      [...images, ...images].map(async ({ layer: { descriptor, bytes } }, index) => {
        await using content = await fetcher.fetch(descriptor, { offset: index * 1000 });
        assertBytes(await readBody(content), bytes.subarray(content.offset));
      }),
    );
  });

  law('content that is given up early is asked for no longer', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 30_000_000 });
    await origin.publish('app', image);
    const fetcher = resolver.fetcher(origin.name('app'));
    const unread = await fetcher.fetch(image.layer.descriptor);
    const begun = await fetcher.fetch(image.layer.descriptor);
    const body = begun.body[Symbol.asyncIterator]();
    await body.next();
    for (const content of [unread, begun]) {
      await content[Symbol.asyncDispose]();
      await content[Symbol.asyncDispose]();
    }
    await becomes(() => origin.active() === 0, 'answers are left open');
    // Whatever was on its way may still be given, but there is an end to it.
    const drain = async (): Promise<void> => {
      while ((await body.next()).done !== true);
    };
    await drain().catch(() => undefined);
    assert.ok(origin.sent() < 60_000_000);
  });

  law('content that is read to its end leaves nothing open', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    await readBody(await resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor));
    await becomes(() => origin.active() === 0, 'an answer is left open');
  });

  law(
    'a reader that is slow slows the origin down: content is not gathered in memory',
    async ({ instance: { resolver, origin } }) => {
      const image = imageOf({ size: 64_000_000 });
      await origin.publish('app', image);
      await using content = await resolver.fetcher(origin.name('app')).fetch(image.layer.descriptor);
      const body = content.body[Symbol.asyncIterator]();
      const first = await body.next();
      let sent = -1;
      for (let same = 0; same < 5; ) {
        same = sent === origin.sent() ? same + 1 : 0;
        sent = origin.sent();
        await setTimeout(100);
      }
      // Sockets of both ends buffer some megabytes.
      assert.ok(sent < 32_000_000, `${sent} bytes were sent while one chunk was read`);
      const chunks = [Buffer.from(first.value as Uint8Array)];
      for (let next = await body.next(); next.done !== true; next = await body.next()) chunks.push(Buffer.from(next.value));
      assert.equal(digestOf(Buffer.concat(chunks)), image.layer.descriptor.digest);
    },
  );
}

function lazinessLaw(law: Law<ResolverBench>): void {
  law('a fetcher asks nobody before it fetches, wherever its name leads', async ({ instance: { resolver, origin } }) => {
    const before = origin.requests();
    const fetcher = resolver.fetcher(origin.name('none'));
    assert.equal(origin.requests(), before);
    await expectKind(fetcher.fetch(imageOf().layer.descriptor), 'not-found');
    assert.ok(origin.requests() > before);
  });
}
