import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor, Fetcher, Pusher } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority, pemOf } from './certificates.js';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';
import { type UploadBehaviour, UploadRegistry } from './upload-registry.js';

const chunk = 32 * 1024 * 1024;

interface Bench {
  readonly registry: UploadRegistry;
  readonly pusher: Pusher;
  readonly source: MemorySource;
}

/** A pusher to a registry that behaves so. */
async function withRegistry(
  behaviour: UploadBehaviour,
  use: (bench: Bench) => Promise<void>,
  config: (host: string) => Record<string, unknown> = () => ({}),
): Promise<void> {
  await using registry = await UploadRegistry.start(behaviour);
  await using resolver = await openPushing(config(registry.host));
  await using pusher = resolver.pusher(`${registry.host}/x:1`);
  await use({ registry, pusher, source: new MemorySource() });
}

const largeBytes = Buffer.alloc(2 * chunk + 1_000_000, randomBytes(999_983));
const large = (source: MemorySource): Descriptor => source.add(mediaTypes.ociLayer, largeBytes);
const small = (source: MemorySource): Descriptor => source.add(mediaTypes.ociLayer, randomBytes(2_000_000));

describe('uploads that are cut off', () => {
  it('go on where the registry says that it is', async () => {
    await withRegistry({ cutAt: [10_000_000, 1] }, async ({ registry, pusher, source }) => {
      const layer = large(source);
      expect(await pusher.push(layer, source)).toBe('pushed');
      expect(digestOf(registry.blobs.get(layer.digest) ?? '')).toBe(layer.digest);
      expect(registry.lines('POST')).toHaveLength(1);
      const ranges = registry.server.log.flatMap(({ headers }) => headers['content-range'] ?? []);
      expect(ranges.slice(0, 3)).toEqual([
        `0-${chunk - 1}`,
        `10000000-${10_000_000 + chunk - 1}`,
        `10000001-${10_000_001 + chunk - 1}`,
      ]);
      expect(registry.uploads.size).toBe(0);
    });
  });

  it('begin again where the registry has forgotten them, and a small one always', async () => {
    await withRegistry({ cutAt: [10_000_000], forgetsUploads: true }, async ({ registry, pusher, source }) => {
      const layer = large(source);
      expect(await pusher.push(layer, source)).toBe('pushed');
      expect(registry.lines('POST')).toHaveLength(2);
    });
    await withRegistry({ cutAt: [500_000, 500_000] }, async ({ registry, pusher, source }) => {
      const layer = small(source);
      expect(await pusher.push(layer, source)).toBe('pushed');
      expect(registry.lines('POST')).toHaveLength(3);
      expect(source.reads.map(({ offset }) => offset)).toEqual([0, 0, 0]);
    });
  });

  it('are given up after some attempts without a new byte', async () => {
    await withRegistry({ cutAt: Array.from({ length: 50 }, () => 500_000) }, async ({ registry, pusher, source }) => {
      expect(await failureOf(pusher.push(small(source), source))).toMatchObject({ kind: 'unavailable' });
      expect(registry.lines('PUT')).toHaveLength(5);
    });
  });

  it('are not resumed at a place that was never reached', async () => {
    const before: UploadBehaviour['before'] = (request, response) => {
      if (request.method !== 'GET') return false;
      response.writeHead(204, { location: request.url ?? '', range: '0-999999999' }).end();
      return true;
    };
    await withRegistry({ cutAt: [1_000_000], before }, async ({ registry, pusher, source }) => {
      const layer = large(source);
      expect(await pusher.push(layer, source)).toBe('pushed');
      expect(registry.lines('POST')).toHaveLength(2);
    });
  });
});

describe('chunks', () => {
  it('are as large as the registry wants', async () => {
    await withRegistry({ minChunk: chunk + 5 }, async ({ registry, pusher, source }) => {
      await pusher.push(large(source), source);
      const ranges = registry.server.log.flatMap(({ headers }) => headers['content-range'] ?? []);
      expect(ranges[0]).toBe(`0-${chunk + 4}`);
      expect(ranges).toHaveLength(3);
    });
    await withRegistry({ minChunk: 2 ** 40 }, async ({ pusher, source }) => {
      expect(await failureOf(pusher.push(large(source), source))).toMatchObject({ code: 'REGISTRY_CHUNK_TOO_LARGE' });
    });
  });

  it.each([400, 404, 405, 413])('are left off where the registry answers them with %d', async (chunkStatus) => {
    await withRegistry({ chunkStatus }, async ({ registry, pusher, source }) => {
      const layer = large(source);
      expect(await pusher.push(layer, source)).toBe('pushed');
      expect(digestOf(registry.blobs.get(layer.digest) ?? '')).toBe(layer.digest);
      expect(registry.lines('PATCH')).toHaveLength(1);
    });
  });
});

describe('refusals', () => {
  const refusing =
    (method: string, status: number, code: string): UploadBehaviour['before'] =>
    (request, response) => {
      if (request.method !== method) return false;
      request.resume();
      json(response, status, { errors: [{ code, message: 'because' }] });
      return true;
    };
  const manifestOf = (source: MemorySource): Descriptor => source.image(Buffer.from('x')).manifest;

  it.each([
    ['POST', 403, 'DENIED', small, 'permission-denied', 'REGISTRY_PUSH_DENIED', 'slipway login'],
    ['POST', 404, 'NAME_UNKNOWN', small, 'not-found', 'REGISTRY_REPOSITORY_NOT_FOUND', 'before the first push'],
    ['POST', 405, 'UNSUPPORTED', small, 'unimplemented', 'REGISTRY_TAKES_NO_PUSH', 'read-only'],
    ['PUT', 413, 'X', small, 'resource-exhausted', 'REGISTRY_UPLOAD_TOO_LARGE', 'limits the size'],
    ['PUT', 400, 'DIGEST_INVALID', small, 'failed-precondition', 'REGISTRY_DIGEST_MISMATCH', 'changes what is sent'],
    ['PUT', 415, 'X', manifestOf, 'invalid-argument', 'REGISTRY_MANIFEST_REFUSED', 'newer one'],
    ['PUT', 400, 'MANIFEST_INVALID', manifestOf, 'invalid-argument', 'REGISTRY_MANIFEST_REFUSED', 'newer one'],
    ['PUT', 400, 'MANIFEST_BLOB_UNKNOWN', manifestOf, 'failed-precondition', 'REGISTRY_CONTENT_MISSING', 'push again'],
  ] as const)('of a %s with %d %s have their own words', async (method, status, said, make, kind, code, hint) => {
    await withRegistry({ before: refusing(method, status, said) }, async ({ registry, pusher, source }) => {
      expect(await failureOf(pusher.push(make(source), source))).toMatchObject({
        kind,
        code,
        message: expect.stringContaining('because') as string,
        hint: expect.stringContaining(hint) as string,
      });
      expect(registry.lines(method)).toHaveLength(1);
    });
  });

  it('that pass are tried again', async () => {
    let asked = 0;
    const before: UploadBehaviour['before'] = (request, response) => {
      if (request.method !== 'PUT' || asked++ > 1) return false;
      request.resume();
      response.writeHead(asked === 1 ? 503 : 429, { 'retry-after': '1' }).end();
      return true;
    };
    await withRegistry({ before }, async ({ pusher, source }) => {
      expect(await pusher.push(small(source), source)).toBe('pushed');
    });
  });

  it('an answer with another digest is none', async () => {
    const before: UploadBehaviour['before'] = (request, response) => {
      if (request.method !== 'PUT') return false;
      request.resume();
      response.writeHead(201, { 'docker-content-digest': digestOf('other') }).end();
      return true;
    };
    await withRegistry({ before }, async ({ pusher, source }) => {
      for (const make of [small, manifestOf])
        expect(await failureOf(pusher.push(make(source), source))).toMatchObject({
          kind: 'failed-precondition',
          code: 'REGISTRY_DIGEST_MISMATCH',
        });
    });
  });

  it('a blob of another size under its digest is found before anything is sent', async () => {
    await withRegistry({}, async ({ registry, pusher, source }) => {
      const layer = small(source);
      registry.blobs.set(layer.digest, Buffer.alloc(5));
      expect(await failureOf(pusher.push(layer, source))).toMatchObject({ code: 'REGISTRY_DIGEST_MISMATCH' });
      expect(registry.lines('POST')).toEqual([]);
    });
  });
});

describe('where uploads go', () => {
  const login = (host: string): Record<string, unknown> => ({
    auth: { [host]: { username: 'alice', password: 'correct-horse' } },
  });
  const wantsLogin: UploadBehaviour['before'] = (request, response) => {
    if (request.headers.authorization !== undefined) return false;
    request.resume();
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    return true;
  };

  it('another origin gets the bytes, and no credentials', async () => {
    await using elsewhere = await UploadRegistry.start({ uploadsAt: () => '' });
    await withRegistry(
      {
        before: wantsLogin,
        uploadsAt: () => {
          elsewhere.uploads.set('u0', Buffer.alloc(0));
          return `http://${elsewhere.host}`;
        },
      },
      async ({ registry, pusher, source }) => {
        const layer = small(source);
        expect(await pusher.push(layer, source)).toBe('pushed');
        expect(elsewhere.blobs.has(layer.digest)).toBe(true);
        expect(elsewhere.server.log.map(({ headers }) => headers.authorization)).toEqual([undefined]);
        expect(registry.server.log.at(-1)?.headers.authorization).toMatch(/^Basic /);
      },
      login,
    );
  });

  it('an address that is not the registry’s own is refused when it is connected to', async () => {
    await using elsewhere = await ScriptedServer.start((_request, response) => void response.writeHead(201).end(), {
      host: '127.0.0.9',
    });
    for (const make of [small, large]) {
      await withRegistry({ uploadsAt: () => `http://127.0.0.9:${elsewhere.port}` }, async ({ pusher, source }) => {
        expect(await failureOf(pusher.push(make(source), source))).toMatchObject({
          kind: 'failed-precondition',
          code: 'REGISTRY_ADDRESS_REFUSED',
        });
      });
    }
    expect(elsewhere.log).toEqual([]);
  });

  it('plain http after https, a user name and no location are refused', async () => {
    using authority = new CertificateAuthority();
    const tls = pemOf(authority.issue('uploads', 'IP:127.0.0.1'));
    await using elsewhere = await UploadRegistry.start();
    for (const uploadsAt of [() => `http://${elsewhere.host}`, () => 'https://user:pw@example.com', () => 'ftp://example.com']) {
      await withRegistry(
        { tls, uploadsAt },
        async ({ pusher, source }) => {
          expect(await failureOf(pusher.push(small(source), source))).toMatchObject({
            kind: 'failed-precondition',
            code: 'REGISTRY_REDIRECT_REFUSED',
            message: expect.stringContaining('sends us') as string,
          });
        },
        () => ({ ca: authority.file }),
      );
    }
    expect(elsewhere.server.log).toEqual([]);
  });

  it('a redirected PUT is sent again there, one that would become a GET is refused', async () => {
    for (const status of [307, 302]) {
      let redirected = false;
      const before: UploadBehaviour['before'] = (request, response) => {
        if (request.method !== 'PUT' || redirected) return false;
        redirected = true;
        request.resume();
        response.writeHead(status, { location: request.url ?? '' }).end();
        return true;
      };
      await withRegistry({ before }, async ({ pusher, source }) => {
        const pushing = pusher.push(small(source), source);
        if (status === 307) expect(await pushing).toBe('pushed');
        else expect(await failureOf(pushing)).toMatchObject({ code: 'REGISTRY_REDIRECT_REFUSED' });
      });
    }
  });

  it('credentials that expire in the middle are asked for again', async () => {
    let refused = false;
    const before: UploadBehaviour['before'] = async (request, response) => {
      if (wantsLogin(request, response) === true) return true;
      if (request.method !== 'PATCH' || refused) return false;
      refused = true;
      request.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    };
    await withRegistry(
      { before },
      async ({ registry, pusher, source }) => {
        const layer = large(source);
        expect(await pusher.push(layer, source)).toBe('pushed');
        expect(digestOf(registry.blobs.get(layer.digest) ?? '')).toBe(layer.digest);
      },
      login,
    );
  });
});

describe('a registry that takes bytes slowly', () => {
  it('slows the source down: content is not gathered in memory', async () => {
    const begun = Promise.withResolvers<void>();
    const before: UploadBehaviour['before'] = async (request) => {
      if (request.method !== 'PUT') return false;
      begun.resolve();
      // Nothing of its body is read.
      await once(request.socket, 'close');
      return true;
    };
    await withRegistry({ before }, async ({ pusher, source }) => {
      const layer = source.add(mediaTypes.ociLayer, largeBytes.subarray(0, chunk));
      let read = 0;
      const counted: Fetcher = {
        fetch: async (descriptor, options) => {
          const { offset, body, ...rest } = await source.fetch(descriptor, options);
          async function* counting(): AsyncGenerator<Uint8Array> {
            for await (const piece of body) {
              read += piece.byteLength;
              yield piece;
            }
          }
          return { ...rest, offset, body: counting() };
        },
      };
      const abort = new AbortController();
      const pushing = failureOf(pusher.push(layer, counted, { signal: abort.signal }));
      await begun.promise;
      let last = -1;
      for (let same = 0; same < 5; ) {
        same = last === read ? same + 1 : 0;
        last = read;
        await sleep(100);
      }
      // Sockets of both ends buffer some megabytes.
      expect(read).toBeLessThan(16_000_000);
      abort.abort();
      expect(await pushing).toMatchObject({ kind: 'canceled' });
    });
  });
});

describe('an upload that is canceled', () => {
  it('ends within a second, and the registry is told', async () => {
    const begun = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    const before: UploadBehaviour['before'] = async (request) => {
      if (request.method === 'DELETE') told.resolve();
      if (request.method !== 'PATCH' && request.method !== 'PUT') return false;
      begun.resolve();
      await once(request, 'close');
      return true;
    };
    for (const make of [small, large]) {
      await withRegistry({ before }, async ({ pusher, source }) => {
        const abort = new AbortController();
        const pushing = failureOf(pusher.push(make(source), source, { signal: abort.signal }));
        await begun.promise;
        abort.abort();
        expect(await pushing).toMatchObject({ kind: 'canceled' });
        await told.promise;
      });
    }
  });

  it('is what disposing of the pusher does', async () => {
    const begun = Promise.withResolvers<void>();
    const before: UploadBehaviour['before'] = async (request) => {
      if (request.method !== 'PUT') return false;
      begun.resolve();
      await once(request, 'close');
      return true;
    };
    await withRegistry({ before }, async ({ registry, pusher, source }) => {
      const pushing = failureOf(pusher.push(small(source), source));
      await begun.promise;
      await pusher[Symbol.asyncDispose]();
      expect(await pushing).toMatchObject({ kind: 'canceled' });
      expect(registry.uploads.size).toBe(0);
      expect(await failureOf(pusher.push(small(source), source))).toMatchObject({ kind: 'canceled' });
    });
  });
});

describe('referrers', () => {
  const subject = digestOf('subject');
  const one = (n: number): Descriptor => ({
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(String(n)),
    size: n,
    artifactType: `application/vnd.test.${n % 2}`,
  });
  const page = (manifests: readonly Descriptor[]): string =>
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  const isList = (url: string | undefined): boolean => url?.startsWith('/v2/x/referrers/') === true;

  async function listed(before: NonNullable<UploadBehaviour['before']>, artifactType?: string): Promise<readonly Descriptor[]> {
    await using registry = await UploadRegistry.start({ before });
    await using resolver = await openPushing();
    return await resolver.referrers(`${registry.host}/x:1`, subject, { artifactType });
  }

  it('come page by page, filtered here where the registry does not', async () => {
    const before: UploadBehaviour['before'] = (request, response) => {
      if (!isList(request.url)) return false;
      const at = Number(new URL(request.url ?? '', 'http://x').searchParams.get('at') ?? 0);
      const link: Record<string, string> = at < 3 ? { link: `<?at=${at + 1}>; rel="next"` } : {};
      response.writeHead(200, { 'content-type': mediaTypes.ociIndex, ...link }).end(page([one(at), one(at + 10), one(0)]));
      return true;
    };
    const all = await listed(before);
    expect(new Set(all.map(({ size }) => size))).toEqual(new Set([0, 1, 2, 3, 10, 11, 12, 13]));
    expect(all).toHaveLength(8);
    expect((await listed(before, 'application/vnd.test.1')).map(({ size }) => size)).toEqual([1, 11, 3, 13]);
  });

  it('without end are too many', async () => {
    const endless = listed((request, response) => {
      if (!isList(request.url)) return false;
      response.writeHead(200, { 'content-type': mediaTypes.ociIndex, link: '<?more>; rel="next"' }).end(page([one(1)]));
      return true;
    });
    expect(await failureOf(endless)).toMatchObject({ kind: 'resource-exhausted', code: 'REGISTRY_TOO_MANY_REFERRERS' });
  });

  it('are none where there is neither API nor tag, or a page for people', async () => {
    expect(await listed(() => false)).toEqual([]);
    const page = listed((request, response) => {
      if (!isList(request.url)) return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      return true;
    });
    expect(await page).toEqual([]);
  });

  it('are left to a registry that says that it lists them', async () => {
    const before: UploadBehaviour['before'] = (request, response) => {
      if (request.method === 'PUT') response.setHeader('oci-subject', subject);
      return false;
    };
    for (const lists of [true, false]) {
      await withRegistry(lists ? { before } : {}, async ({ registry, pusher, source }) => {
        const about = { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 7 } };
        await pusher.push(source.image(Buffer.from('x'), about).manifest, source);
        expect(registry.manifests.has(subject.replace(':', '-'))).toBe(!lists);
      });
    }
  });
});

describe('secrets', () => {
  it('of uploads are in no error', async () => {
    const before: UploadBehaviour['before'] = (request, response) => {
      if (request.method !== 'PUT') return false;
      request.resume();
      json(response, 400, { errors: [{ code: 'X', message: `bad ${request.headers.authorization} ${request.url}` }] });
      return true;
    };
    const asked: UploadBehaviour['before'] = (request, response) => {
      if (request.headers.authorization !== undefined) return before(request, response);
      request.resume();
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    };
    await withRegistry(
      { before: asked },
      async ({ pusher, source }) => {
        const error = await failureOf(pusher.push(small(source), source));
        expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(Buffer.from('alice:correct-horse').toString('base64'));
      },
      (host) => ({ auth: { [host]: { username: 'alice', password: 'correct-horse' } } }),
    );
  });
});
