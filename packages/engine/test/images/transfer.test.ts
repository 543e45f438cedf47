import { digestOf, type ManifestDocument, mediaTypes } from '@slipway/oci';
import { type Descriptor, type Digest, type Fetcher, type Pusher, SlipwayError } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { planTransfer } from '../../dist/images/transfer/plan.js';
import { withReferrers } from '../../dist/images/transfer/referrers-plan.js';
import { SourceDocuments } from '../../dist/images/transfer/source-documents.js';
import { transfer } from '../../dist/images/transfer/transfer.js';
import { mergedLabels, sourceRepositories } from '../../dist/metadata/labels.js';

/** Content in memory. */
class Content {
  readonly bytes = new Map<Digest, Buffer>();
  readonly asked: Digest[] = [];
  /** Bodies that break off in the middle before one does not. */
  broken = 0;

  put(mediaType: string, bytes: Buffer, more: object = {}): Descriptor {
    const digest = digestOf(bytes);
    this.bytes.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, ...more };
  }

  blob(text: string, mediaType: string = mediaTypes.ociLayer): Descriptor {
    return this.put(mediaType, Buffer.from(text));
  }

  manifest(layers: readonly Descriptor[], more: object = {}): Descriptor {
    const config = this.blob(`config ${layers.map(({ digest }) => digest).join()}`, mediaTypes.ociConfig);
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...more };
    return this.put(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  }

  index(manifests: readonly Descriptor[]): Descriptor {
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    return this.put(mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
  }

  readonly fetcher: Fetcher = {
    fetch: async ({ digest }, { offset = 0 } = {}) => {
      this.asked.push(digest);
      const bytes = this.bytes.get(digest);
      if (bytes === undefined) throw new SlipwayError({ kind: 'not-found', code: 'GONE', message: digest });
      const breaks = this.broken-- > 0;
      async function* body(content: Buffer): AsyncGenerator<Uint8Array> {
        if (breaks) throw new SlipwayError({ kind: 'unavailable', code: 'BROKE', message: 'broke off' });
        yield content.subarray(offset);
      }
      return { offset, body: body(bytes), [Symbol.asyncDispose]: async () => undefined };
    },
  };
}

const plan = (content: Content, target: Descriptor) => {
  const documents = new SourceDocuments(content.fetcher, undefined);
  return planTransfer(target, (descriptor): Promise<ManifestDocument> => documents.load(descriptor));
};
const digests = (descriptors: readonly Descriptor[]): Digest[] => descriptors.map(({ digest }) => digest);

describe('the plan of a transfer', () => {
  it('has every blob once, and manifests by level', async () => {
    const content = new Content();
    const [shared, own] = [content.blob('shared'), content.blob('own')];
    const [first, second] = [content.manifest([shared]), content.manifest([shared, own])];
    const inner = content.index([second]);
    const outer = content.index([first, inner, first]);
    const { blobs, levels, target, absent } = await plan(content, { ...outer, platform: { os: 'linux', architecture: 'x' } });
    expect(blobs).toHaveLength(4);
    expect(levels.map((level) => new Set(digests(level)))).toEqual([
      new Set([first.digest, second.digest]),
      new Set([inner.digest]),
      new Set([outer.digest]),
    ]);
    expect([target, absent]).toEqual([outer, []]);
  });

  it('leaves out what must not be distributed, and takes what is no manifest in an index for a blob', async () => {
    const content = new Content();
    const foreign = content.blob('windows', mediaTypes.ociForeignLayerGzip);
    const odd = content.blob('odd', 'application/vnd.test+json');
    const manifest = content.manifest([content.blob('layer'), foreign]);
    const { blobs, levels } = await plan(content, content.index([manifest, odd]));
    expect(digests(blobs)).toContain(odd.digest);
    expect(digests(blobs)).not.toContain(foreign.digest);
    expect(levels).toHaveLength(2);
  });

  it('is refused of indexes that are too deep', async () => {
    const content = new Content();
    let target = content.index([]);
    for (let depth = 0; depth < 4; depth++) target = content.index([target]);
    await expect(plan(content, target)).rejects.toMatchObject({ kind: 'resource-exhausted', code: 'IMAGE_TOO_LARGE' });
  });
});

describe('documents of a source', () => {
  it('are read once, also for when they are sent', async () => {
    const content = new Content();
    const manifest = content.manifest([content.blob('layer')]);
    const documents = new SourceDocuments(content.fetcher, undefined);
    await documents.load(manifest);
    await documents.load(manifest);
    await using again = await documents.content.fetch(manifest, { offset: 3 });
    const bytes = Buffer.concat(await Array.fromAsync(again.body));
    expect(bytes).toEqual(content.bytes.get(manifest.digest)?.subarray(3));
    expect(content.asked).toEqual([manifest.digest]);
  });

  it('must have their digest and size', async () => {
    for (const damage of [(bytes: Buffer) => Buffer.concat([bytes, bytes]), (bytes: Buffer) => bytes.subarray(1)]) {
      const content = new Content();
      const manifest = content.manifest([]);
      content.bytes.set(manifest.digest, damage(content.bytes.get(manifest.digest) as Buffer));
      await expect(plan(content, manifest)).rejects.toMatchObject({
        kind: 'failed-precondition',
        code: 'SOURCE_CONTENT_MISMATCH',
      });
    }
    const content = new Content();
    const large = { ...content.manifest([]), size: 2 ** 40 };
    await expect(plan(content, large)).rejects.toMatchObject({ code: 'DOCUMENT_TOO_LARGE' });
    expect(content.asked).toEqual([]);
  });

  it('that break off are read again, some times', async () => {
    const content = new Content();
    const manifest = content.manifest([]);
    content.broken = 2;
    expect((await plan(content, manifest)).levels).toHaveLength(1);
    content.broken = 99;
    await expect(plan(content, manifest)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('and what a descriptor brings along is not asked for', async () => {
    const content = new Content();
    const text = Buffer.from('{"inline":1}');
    const inline = { mediaType: mediaTypes.ociConfig, digest: digestOf(text), size: text.length, data: text.toString('base64') };
    const documents = new SourceDocuments(content.fetcher, undefined);
    await using found = await documents.content.fetch(inline);
    expect(Buffer.concat(await Array.fromAsync(found.body))).toEqual(text);
    expect(content.asked).toEqual([]);
  });
});

describe('referrers of what is copied', () => {
  const withAll = async (content: Content, target: Descriptor, referrers: ReadonlyMap<Digest, readonly Descriptor[]>) => {
    const missing: Digest[] = [];
    const documents = new SourceDocuments(content.fetcher, undefined);
    const found = await withReferrers(await plan(content, target), {
      documents,
      referrersOf: async (subject) => referrers.get(subject) ?? [],
      onMissing: ({ digest }) => missing.push(digest),
    });
    return { found, missing };
  };

  it('come after it, with theirs, each once, and without those that are gone', async () => {
    const content = new Content();
    const image = content.manifest([content.blob('layer')]);
    const signature = content.manifest([content.blob('signature')]);
    const countersignature = content.manifest([content.blob('countersignature')]);
    const gone = { ...content.manifest([content.blob('gone')]) };
    content.bytes.delete(gone.digest);
    const { found, missing } = await withAll(
      content,
      image,
      new Map([
        [image.digest, [signature, gone, signature]],
        [signature.digest, [countersignature, image]],
      ]),
    );
    expect(found.levels.map(digests)).toEqual([[image.digest], [signature.digest], [countersignature.digest]]);
    expect(found.blobs).toHaveLength(6);
    expect([missing, found.target.digest]).toEqual([[gone.digest], image.digest]);
  });

  it('are too many when they do not end', async () => {
    const content = new Content();
    const image = content.manifest([]);
    const chain = new Map<Digest, Descriptor[]>();
    let last = image;
    for (let depth = 0; depth < 5; depth++) {
      const next = content.manifest([content.blob(String(depth))]);
      chain.set(last.digest, [next]);
      last = next;
    }
    await expect(withAll(content, image, chain)).rejects.toMatchObject({
      kind: 'resource-exhausted',
      code: 'TOO_MANY_REFERRERS',
    });
  });
});

describe('a transfer', () => {
  it('sends three at a time, blobs first and the name last; the first failure stops the others', async () => {
    const content = new Content();
    const layers = Array.from({ length: 9 }, (_, index) => content.blob(`layer ${index}`));
    const manifest = content.manifest(layers);
    const failing = new Set<Digest>();
    const pushed: Digest[] = [];
    let [atOnce, most] = [0, 0];
    const pusher: Pusher = {
      push: async ({ digest }, _source, options) => {
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setTimeout(resolve, 5));
        atOnce--;
        if (failing.has(digest)) throw new SlipwayError({ kind: 'permission-denied', code: 'NO', message: 'no' });
        options?.signal?.throwIfAborted();
        pushed.push(digest);
        return 'pushed';
      },
      complete: async ({ digest }) => void pushed.push(`name of ${digest}`),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const request = { plan: await plan(content, manifest), pusher, source: content.fetcher, from: () => [] };
    const { total, sent } = await transfer(request);
    expect([total, sent, most]).toEqual([11, 11, 3]);
    expect(pushed.slice(-2)).toEqual([manifest.digest, `name of ${manifest.digest}`]);

    pushed.length = 0;
    failing.add(layers[0]?.digest ?? '');
    await expect(transfer(request)).rejects.toMatchObject({ code: 'NO' });
    expect([pushed.length < 4, atOnce]).toEqual([true, 0]);
  });
});

describe('where a blob is known to be', () => {
  const label = 'containerd.io/distribution.source.example.com';

  it('all repositories of a registry are kept, those known last at the end, up to eight', () => {
    let labels = mergedLabels({}, { [label]: 'a' });
    for (const repository of ['b', 'a', 'c']) labels = mergedLabels(labels, { [label]: repository, other: 'x' });
    expect(labels).toEqual({ [label]: 'b,a,c', other: 'x' });
    expect(sourceRepositories(labels)).toEqual(['example.com/b', 'example.com/a', 'example.com/c']);
    for (let number = 0; number < 20; number++) labels = mergedLabels(labels, { [label]: `r${number}` });
    expect(sourceRepositories(labels)).toHaveLength(8);
    expect(sourceRepositories(labels).at(-1)).toBe('example.com/r19');
  });
});
