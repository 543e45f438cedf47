import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, zstdCompressSync } from 'node:zlib';
import {
  blobFile,
  finishLayout,
  imageLayout,
  OCI,
  putBlob,
  putJson,
  putManifest,
  type Registry,
  type RegistryOptions,
  readImage,
  startRegistry,
} from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePlace, type Place } from './place.ts';
import { type Peers, startPeers } from './registry-peers.ts';
import { everythingKept } from './store.ts';

const auth = { user: 'alice', password: 'correct horse' };
const kinds: readonly (readonly [string, RegistryOptions])[] = [
  ['plain', {}],
  ['with TLS and basic authentication', { tls: true, auth }],
  ['with TLS and a token server', { tls: true, auth, tokens: true }],
];

/** Other processors' image with the same layers, beside this one's; and the same as zstd. */
function makeLayouts(folder: string): { readonly multi: string; readonly zstd: string; readonly artifact: string } {
  const demo = imageLayout('demo');
  const { top, manifest, config } = readImage(demo);
  const copyOf = (to: string): void => {
    for (const { digest, mediaType } of [top, manifest.config, ...manifest.layers])
      putBlob(to, mediaType, readFileSync(blobFile(demo, digest)));
  };
  const [multi, zstd, artifact] = [path.join(folder, 'multi'), path.join(folder, 'zstd'), path.join(folder, 'artifact')];
  copyOf(multi);
  const here = config['architecture'] as string;
  const there = here === 'amd64' ? 'arm64' : 'amd64';
  const other = putManifest(
    multi,
    `${OCI}.manifest.v1+json`,
    putJson(multi, `${OCI}.config.v1+json`, { ...config, architecture: there }),
    manifest.layers,
  );
  const manifests = [
    { mediaType: top.mediaType, digest: top.digest, size: top.size, platform: { os: 'linux', architecture: here } },
    { ...other, platform: { os: 'linux', architecture: there } },
  ];
  const index = `${OCI}.index.v1+json`;
  finishLayout(multi, putJson(multi, index, { schemaVersion: 2, mediaType: index, manifests }));

  const layers = manifest.layers.map(({ digest }) =>
    putBlob(zstd, `${OCI}.layer.v1.tar+zstd`, zstdCompressSync(gunzipSync(readFileSync(blobFile(demo, digest))))),
  );
  finishLayout(zstd, putManifest(zstd, `${OCI}.manifest.v1+json`, putJson(zstd, `${OCI}.config.v1+json`, config), layers));

  const empty = putBlob(artifact, 'application/vnd.oci.empty.v1+json', Buffer.from('{}'));
  const bill = putBlob(artifact, 'application/spdx+json', Buffer.from('{"spdxVersion":"SPDX-2.3"}'));
  const document = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    artifactType: 'application/spdx+json',
    config: empty,
    layers: [bill],
    subject: { mediaType: top.mediaType, digest: top.digest, size: top.size },
  };
  finishLayout(artifact, putJson(artifact, `${OCI}.manifest.v1+json`, document));
  return { multi, zstd, artifact };
}

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe.each(kinds)('images that go through a registry %s', (_kind, options) => {
  let registry: Registry;
  let peers: Peers;
  let place: Place;
  let engine: Engine;
  let layouts: ReturnType<typeof makeLayouts>;
  const demo = readImage(imageLayout('demo')).top;

  beforeAll(async () => {
    registry = await startRegistry({ images: ['demo'], ...options });
    peers = await startPeers(registry);
    layouts = makeLayouts(path.join(peers.folder, 'layouts'));
    const ca = path.join(peers.folder, 'ca.pem');
    writeFileSync(ca, registry.ca ?? '');
    place = makePlace(
      [
        '[plugin.resolver-registry]',
        ...(registry.ca === undefined ? [] : [`ca = ${JSON.stringify(ca)}`]),
        ...(registry.auth === undefined
          ? []
          : [
              `[plugin.resolver-registry.auth."${registry.address}"]`,
              `username = ${JSON.stringify(registry.auth.user)}`,
              `password = ${JSON.stringify(registry.auth.password)}`,
            ]),
      ].join('\n'),
    );
    engine = await place.open();
    await registry.push(layouts.multi, 'test/multi', 'latest');
    await registry.push(layouts.zstd, 'test/zstd', 'latest');
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await peers?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  it('skopeo, podman, ctr and umoci read what we push', async () => {
    for (const name of ['demo', 'zstd']) {
      const { target } = await engine.pull(`${registry.address}/test/${name}`);
      const ours = `${registry.address}/ours/${name}:1`;
      await engine.images.tag(`${registry.address}/test/${name}`, ours);
      const pushed = await engine.images.push(ours);
      expect(pushed).toMatchObject({ name: ours, target: { digest: target.digest } });

      const seen = JSON.parse(await peers.skopeo('inspect', `docker://${ours}`)) as { Digest: string };
      expect(seen.Digest).toBe(target.digest);
      const layout = path.join(peers.folder, `layout-${name}`);
      await peers.skopeo('copy', `docker://${ours}`, `oci:${layout}:made`);
      expect(readImage(layout).top.digest).toBe(target.digest);
      expect(await peers.umoci('stat', '--image', `${layout}:made`)).toContain('layer 1');
      await peers.podman('pull', '--quiet', ours);
      expect(await peers.podman('image', 'inspect', '--format', '{{.RepoDigests}}', ours)).toContain(
        `${registry.address}/ours/${name}@${target.digest}`,
      );
      await peers.ctr('pull', ours);
      expect(await peers.ctr('ls')).toMatch(new RegExp(`${ours} .* ${target.digest} `));
    }
  });

  it('an index with all of its platforms is copied with its digest, or one platform of it', async () => {
    const { top } = readImage(layouts.multi);
    const ours = `${registry.address}/ours/multi`;
    const copied = await engine.images.copy(`${registry.address}/test/multi`, `${ours}:all`);
    expect(copied.target.digest).toBe(top.digest);
    expect(digestOf(await peers.skopeo('inspect', '--raw', `docker://${ours}:all`))).toBe(top.digest);
    await peers.ctr('pull', '--all-platforms', `${ours}:all`);
    expect(await peers.ctr('ls')).toMatch(new RegExp(`${ours}:all .* ${top.digest} .*linux/amd64.*linux/arm64`));
    const other = process.arch === 'arm64' ? 'amd64' : 'arm64';
    const one = await engine.images.copy(`${registry.address}/test/multi`, `${ours}:one`, {
      platform: { os: 'linux', architecture: other },
    });
    const config = JSON.parse(await peers.skopeo('inspect', '--config', `docker://${ours}:one`)) as { architecture: string };
    expect(config.architecture).toBe(other);
    expect(one.target.digest).not.toBe(top.digest);
    const again = await engine.images.copy(`${registry.address}/test/multi`, `${ours}:again`);
    expect(again).toMatchObject({ sent: 0, sentBytes: 0 });
  });

  it('an index of which one platform is here goes as that manifest', async () => {
    const { manifestDigest } = readImage(layouts.multi);
    await engine.pull(`${registry.address}/test/multi`);
    const pushed = await engine.images.push(`${registry.address}/test/multi`, { to: `${registry.address}/ours/single:1` });
    expect(pushed.target.digest).toBe(manifestDigest);
    const missing = { os: 'linux', architecture: process.arch === 'arm64' ? 'amd64' : 'arm64' };
    await expect(engine.images.push(`${registry.address}/test/multi`, { platform: missing })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'IMAGE_CONTENT_MISSING',
    });
    await engine.pull(`${registry.address}/test/multi`, { platform: missing });
    const whole = await engine.images.push(`${registry.address}/test/multi`, { to: `${registry.address}/ours/whole:1` });
    expect(whole.target.digest).toBe(readImage(layouts.multi).top.digest);
  });

  it('what refers to an image is listed and copied with it', async () => {
    const from = `${registry.address}/ours/referred`;
    const before = registry.tokensAsked.length;
    await engine.images.copy(`${registry.address}/test/demo`, `${from}:1`);
    const mount = 'repository:ours/referred:pull,push repository:test/demo:pull';
    const asked = new Set(registry.tokensAsked.slice(before));
    // What one may do with the other's token, it is used for.
    for (const one of asked)
      expect([`alice ${mount}`, 'alice repository:ours/referred:pull,push', 'alice repository:test/demo:pull']).toContain(one);
    expect(asked.has(`alice ${mount}`)).toBe(options.tokens === true);
    expect(await engine.images.referrers(`${from}:1`)).toEqual([]);
    const { top } = readImage(layouts.artifact);
    await engine.images.copy(`oci:${layouts.artifact}`, `${from}:bill`);
    const listed = await engine.images.referrers(`${from}:1`);
    expect(listed).toMatchObject([{ digest: top.digest, artifactType: 'application/spdx+json' }]);
    expect(await engine.images.referrers(`${from}:1`, { artifactType: 'application/other' })).toEqual([]);

    const signature = `sha256-${demo.digest.slice(7)}.sig`;
    await engine.images.copy(`${registry.address}/test/zstd`, `${from}:${signature}`);

    const to = `${registry.address}/ours/taken:1`;
    const copied = await engine.images.copy(`${from}:1`, to, { referrers: true });
    expect(copied.target.digest).toBe(demo.digest);
    expect(await engine.images.referrers(to)).toMatchObject([{ digest: top.digest }]);
    const tagged = JSON.parse(await peers.skopeo('inspect', `docker://${registry.address}/ours/taken:${signature}`)) as object;
    expect(tagged).toMatchObject({ Digest: readImage(layouts.zstd).top.digest });
    const folder = path.join(peers.folder, 'taken');
    await engine.images.copy(to, `oci:${folder}:app`, { referrers: true });
    await engine.images.copy(`oci:${folder}:${signature}`, `${registry.address}/ours/tagged:1`);
    const bare = `${registry.address}/ours/bare:1`;
    await engine.images.copy(`${from}:1`, bare);
    expect(await engine.images.referrers(bare)).toEqual([]);
  });

  it('we read what skopeo, podman, ctr and umoci push', async () => {
    const theirs = `${registry.address}/theirs`;
    const digestHere = async (name: string): Promise<string> => (await engine.pull(`${theirs}/${name}`)).target.digest;

    await peers.skopeo('copy', '--all', `oci:${layouts.multi}:latest`, `docker://${theirs}/skopeo:1`);
    expect(await digestHere('skopeo:1')).toBe(readImage(layouts.multi).top.digest);
    expect(digestOf(await peers.skopeo('inspect', '--raw', `docker://${theirs}/skopeo:1`))).toBe(
      readImage(layouts.multi).top.digest,
    );

    const file = path.join(peers.folder, 'digest');
    await peers.podman('pull', '--quiet', `${registry.address}/test/demo`);
    await peers.podman('push', '--quiet', '--digestfile', file, `${registry.address}/test/demo`, `${theirs}/podman:1`);
    expect(await digestHere('podman:1')).toBe(readFileSync(file, 'utf8').trim());

    await peers.ctr('pull', `${registry.address}/test/demo:latest`);
    await peers.ctr('tag', '--force', `${registry.address}/test/demo:latest`, `${theirs}/ctr:1`);
    await peers.ctr('push', `${theirs}/ctr:1`);
    expect(await digestHere('ctr:1')).toBe(demo.digest);

    const layout = path.join(peers.folder, 'umoci');
    mkdirSync(path.join(peers.folder, 'bundle'));
    await peers.skopeo('copy', `oci:${imageLayout('demo')}:latest`, `oci:${layout}:demo`);
    await peers.umoci('config', '--image', `${layout}:demo`, '--tag', 'changed', '--config.label', 'a=b');
    await peers.skopeo('copy', '--preserve-digests', `oci:${layout}:changed`, `docker://${theirs}/umoci:1`);
    const digest = await digestHere('umoci:1');
    expect(digestOf(await peers.skopeo('inspect', '--raw', `docker://${theirs}/umoci:1`))).toBe(digest);
    expect((await engine.images.inspect(`${theirs}/umoci:1`)).config.config?.Labels).toEqual({ a: 'b' });
  });

  it('nothing stays behind', async () => {
    for (const { name } of await engine.images.list()) await engine.images.remove(name);
    await engine.system.prune();
    expect(await everythingKept(place)).toEqual([]);
  });
});
