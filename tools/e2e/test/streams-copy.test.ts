import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { imageLayout, tarOf } from '@slipway/fixtures';
import { expect, it } from 'vitest';
import { leftInPlace, makePlace } from './place.ts';

const small = `oci:${imageLayout('small')}:latest`;

it('copies to and from a container that does not run, and its volume, and refuses to write what is read-only', async () => {
  using place = makePlace();
  {
    await using engine = await place.open();
    const container = await engine.containers.create({
      image: small,
      name: 'still',
      args: ['cat', '/data/file', '/root-file'],
      mounts: [{ type: 'volume', volume: 'v', target: '/data' }],
    });
    const archive = (path: string, body: string): Readable => Readable.from([tarOf([{ path, body: Buffer.from(body) }])]);
    await container.copyTo('/data', archive('file', 'in the volume\n'));
    await container.copyTo('/', archive('root-file', 'in the root\n'));
    expect(await container.statPath('/data/file')).toMatchObject({ kind: 'file', size: 14, path: '/data/file' });
    expect(await container.statPath('/data/none')).toBeUndefined();
    await container.start();
    expect(await container.wait()).toMatchObject({ exitCode: 0 });
    const lines: string[] = [];
    for await (const { line } of container.logs()) lines.push(line);
    expect(lines).toEqual(['in the volume', 'in the root']);
    const output = new PassThrough();
    const copied = container.copyFrom('/data', output);
    expect(Buffer.concat(await output.toArray()).includes('in the volume')).toBe(true);
    expect((await copied).kind).toBe('directory');
    await expect(container.copyTo('/none', archive('x', 'x'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    await container.remove();

    const readOnly = await engine.containers.create({ image: small, name: 'fixed', args: ['true'], readOnly: true });
    await expect(readOnly.copyTo('/etc', archive('x', 'x'))).rejects.toMatchObject({ code: 'READ_ONLY' });
    await readOnly.remove();
    await engine.volumes.remove('v');
  }
  expect(leftInPlace(place)).toEqual([]);
});

it('bug: what was copied from a container that had never run lacked its volumes', async () => {
  using place = makePlace();
  {
    await using engine = await place.open();
    await engine.volumes.create({ name: 'filled' });
    const image = { image: small, mounts: [{ type: 'volume', volume: 'filled', target: '/not/there' }] } as const;
    const writer = await engine.containers.create({ ...image, name: 'writer' });
    await writer.copyTo('/not/there', Readable.from([tarOf([{ path: 'file', body: Buffer.from('in the volume\n') }])]));
    const binds = [
      { type: 'bind', source: path.join(place.root, 'metadata.v1'), target: '/a/folder' },
      { type: 'bind', source: import.meta.filename, target: '/a/file' },
    ] as const;
    const reader = await engine.containers.create({
      ...image,
      name: 'reader',
      readOnly: true,
      mounts: [...image.mounts, ...binds],
    });
    const output = new PassThrough();
    const copied = reader.copyFrom('/not/there', output);
    expect(Buffer.concat(await output.toArray()).includes('in the volume')).toBe(true);
    expect((await copied).kind).toBe('directory');
    expect(await reader.statPath('/a/folder/lmdb')).toMatchObject({ kind: 'directory' });
    expect(await reader.statPath('/a/file')).toMatchObject({ kind: 'file' });
    for (const container of [writer, reader]) await container.remove();
    await engine.volumes.remove('filled');
  }
  expect(leftInPlace(place)).toEqual([]);
});
