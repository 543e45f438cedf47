import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Volume } from '@slipway/plugin-api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import type { Result } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterEach(() => out('volume', 'prune', '--all', '--force'));
afterAll(() => host[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<Result> => host.place.run(args);
const out = async (...args: readonly string[]): Promise<string> => {
  const { code, out: text, err } = await run(...args);
  expect([args, code, err]).toEqual([args, 0, '']);
  return text;
};
const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await out(...args, '--json')) as T;
const fails = async (...args: readonly string[]): Promise<string> => {
  const { code, err } = await run(...args);
  expect(code).not.toBe(0);
  return err;
};

test('volume create prints the name, and says it again for one that is there', async () => {
  expect(await out('volume', 'create', '--label', 'team=web', '--label', 'empty', 'data')).toBe('data\n');
  expect(await out('volume', 'create', 'data')).toBe('data\n');
  expect(await out('volume', 'create')).toMatch(/^[0-9a-f]{64}\n$/);
  const [volume] = await json<Volume[]>('volume', 'inspect', 'data');
  expect(volume).toMatchObject({
    name: 'data',
    driver: 'local',
    anonymous: false,
    labels: { team: 'web', empty: '' },
    containers: [],
  });
  expect(await fails('volume', 'create', '-o', 'type=tmpfs', 'data')).toContain('with other options');
  expect(await fails('volume', 'create', '-o', 'size=1g', 'other')).toContain('the option "size" is not known');
  expect(await fails('volume', 'create', '-d', 'nas', 'other')).toContain('no volume driver "nas"');
  expect(await fails('volume', 'create', '-o', 'type', 'other')).toContain('expected NAME=VALUE');
  expect(await fails('volume', 'create', '-o', 'o=a', '-o', 'o=b', 'other')).toContain('"o" twice');
  expect(await fails('volume', 'create', '../x')).toContain('a name is 1 to 128');
  expect(await json<Volume>('volume', 'create', 'more')).toMatchObject({ name: 'more' });
});

test('volume ls shows and filters', async () => {
  for (const name of ['b', 'a']) await out('volume', 'create', '--label', `n=${name}`, name);
  expect(await out('volume')).toMatch(/^DRIVER +NAME +CREATED +CONTAINERS\nlocal +a +\S.*\nlocal +b +\S.*\n$/);
  expect(await out('volume', 'ls', '-q')).toBe('a\nb\n');
  expect(await out('volume', 'ls', '-q', '-f', 'label=n=b')).toBe('b\n');
  expect(await out('volume', 'ls', '-q', '-f', 'name=a', '-f', 'driver=local', '-f', 'dangling=1')).toBe('a\n');
  expect(await out('volume', 'ls', '-q', '-f', 'dangling=false')).toBe('');
  expect(await fails('volume', 'ls', '-f', 'dangling=maybe')).toContain('none of true, false');
  expect(await fails('volume', 'ls', '-f', 'size=1')).toContain('none of name=, driver=, label=, dangling=');
  expect((await json<Volume[]>('volume', 'ls')).map(({ name }) => name)).toEqual(['a', 'b']);
});

test('volume rm removes those that it can, and tells the others', async () => {
  await out('volume', 'create', 'a');
  await out('volume', 'create', 'b');
  const { code, out: text, err } = await run('volume', 'rm', 'a', 'none', 'b');
  expect([code, text]).toEqual([1, 'a\nb\n']);
  expect(err).toContain('no volume "none"');
  expect(await out('volume', 'rm', '--force', 'none')).toBe('none\n');
});

test('volume prune asks no script, and takes named ones only when told to', async () => {
  await out('volume', 'create', 'named');
  const anonymous = (await out('volume', 'create')).trim();
  expect(await fails('volume', 'prune')).toContain('there is no terminal to ask on');
  expect(await out('volume', 'prune', '-n', '--all')).toMatch(/^Would delete: [0-9a-f]{64}\nWould delete: named\nWould free: /);
  expect(await out('volume', 'prune', '-f')).toMatch(new RegExp(`^Deleted: ${anonymous}\nFreed: `));
  expect(await json('volume', 'prune', '-f', '--all', '--filter', 'label=x')).toEqual({ volumes: [], bytes: 0 });
  expect(await out('volume', 'prune', '-f', '-a', '-q')).toBe('named\n');
});

test('run takes -v, --mount and --tmpfs, with paths from the current folder', async () => {
  const folder = host.place.file('a b');
  await out('volume', 'create', 'data');
  const script = 'echo text > /rel/file; echo more > /data/file; stat -f -c %T /t; cat /etc/group | head -1 > /dev/null; ls /';
  const {
    code,
    err,
    out: text,
  } = await host.place.run(
    [
      ...['run', '--rm', '-v', './a b:/rel', '--mount', 'type=volume,src=data,"dst=/data"', '--tmpfs', '/t:size=64k,mode=700'],
      ...[host.image, 'sh', '-c', script],
    ],
    undefined,
    { cwd: host.place.folder },
  );
  expect([code, err]).toEqual([0, '']);
  expect(text).toMatch(/^tmpfs\n/);
  expect(readFileSync(path.join(folder, 'file'), 'utf8')).toBe('text\n');
  const [{ mountpoint = '' } = {}] = await json<Volume[]>('volume', 'inspect', 'data');
  expect(readFileSync(path.join(mountpoint, 'file'), 'utf8')).toBe('more\n');
  writeFileSync(path.join(folder, 'ro'), '');
  expect(await fails('run', '--rm', '-v', `${folder}:/b:ro`, host.image, 'rm', '/b/ro')).toContain('Read-only file system');
  expect(await fails('run', '--rm', '-v', `${folder}:/b:suid`, host.image, 'true')).toContain('the option "suid"');
  expect(await fails('run', '--rm', '--mount', 'type=bind,src=/no/such,dst=/b', host.image, 'true')).toContain('it is not there');
});
