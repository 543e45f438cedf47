import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { leftInPlace, makePlace, namesIn, type Place } from './place.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

/** What a container says of the file system its root is on, having written to it. */
async function rootFileSystem(engine: Engine, id: string, stack?: string): Promise<string> {
  const args = ['sh', '-c', 'echo written > /srv/new && cat /srv/new && grep " / / \\| / " /proc/self/mountinfo | head -n 1'];
  const container = await engine.run({ image, name: id, args, stack });
  const { exitCode, stdout, stderr } = await container.output();
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout.toString().split('\n')[0]).toBe('written');
  return stdout.toString().includes(' - overlay ') ? 'overlay' : 'directory';
}

function snapshotFolders(place: Place, snapshotter: string): number {
  return namesIn(path.join(place.root, 'snapshotter.v1', snapshotter, 'snapshots')).length;
}

describe('the snapshotter', () => {
  it.each([
    { line: 'snapshotter = "overlay"', used: 'overlay', unused: 'native', fileSystem: 'overlay' },
    { line: 'snapshotter = "native"', used: 'native', unused: 'overlay', fileSystem: 'directory' },
    { line: 'snapshotter = "kata"', used: 'kata', unused: 'overlay', fileSystem: 'overlay' },
  ])('is one line of configuration: $line', async ({ line, used, unused, fileSystem }) => {
    using place = makePlace(`[stack]\n${line}`);
    {
      await using engine = await place.open();
      await engine.pull(image);
      expect(await rootFileSystem(engine, path.basename(place.folder))).toBe(fileSystem);
      expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    }
    expect(snapshotFolders(place, used)).toBe(3);
    expect(existsSync(path.join(place.root, 'snapshotter.v1', unused))).toBe(false);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is an option of a program too', async () => {
    using place = makePlace();
    await using engine = await place.open({ settings: { stack: { snapshotter: 'native' } } });
    await engine.pull(image);
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    expect([snapshotFolders(place, 'overlay'), snapshotFolders(place, 'native')]).toEqual([0, 3]);
  });

  it('is an argument of each operation: two in one engine, over the same blobs', async () => {
    using place = makePlace('[stacks.copy]\nsnapshotter = "native"');
    {
      await using engine = await place.open();
      await engine.pull(image);
      const id = path.basename(place.folder);
      const systems = await Promise.all([rootFileSystem(engine, `${id}-a`), rootFileSystem(engine, `${id}-b`, 'copy')]);
      expect(systems).toEqual(['overlay', 'directory']);
      expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
      expect(await wrongPaths(engine, image, 'demo', 'copy')).toEqual([]);
      expect([snapshotFolders(place, 'overlay'), snapshotFolders(place, 'native')]).toEqual([3, 3]);
      const { snapshots } = await engine.images.remove(image);
      expect(snapshots).toHaveLength(6);
    }
    expect([snapshotFolders(place, 'overlay'), snapshotFolders(place, 'native')]).toEqual([0, 0]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('falls back to native, and says so, where overlay cannot be: a root on an overlay mount', async () => {
    using outer = makePlace();
    using _mount = overlayMount(outer.folder);
    using place = makePlace('', path.join(outer.folder, 'merged'));
    const warnings: string[] = [];
    {
      const log = { debug: () => {}, info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
      await using engine = await place.open({ log });
      await engine.pull(image);
      // A bind mount of a folder on the outer overlay.
      expect(await rootFileSystem(engine, path.basename(place.folder))).toBe('overlay');
      expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    }
    expect(warnings.filter((message) => message.includes('using snapshotter "native"')).length).toBeGreaterThan(0);
    expect(warnings.find((message) => message.includes('overlay'))).toBeDefined();
    expect([snapshotFolders(place, 'overlay'), snapshotFolders(place, 'native')]).toEqual([0, 3]);
  });
});

function overlayMount(folder: string): Disposable {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => path.join(folder, name));
  for (const directory of [lower, upper, work, merged]) mkdirSync(String(directory));
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, String(merged)], { stdio: 'pipe' });
  return { [Symbol.dispose]: () => void execFileSync('umount', [String(merged)], { stdio: 'pipe' }) };
}
