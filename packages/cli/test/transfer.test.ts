import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { launcher, Terminal } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());
const there = (name: string): string => `${host.registry.address}/${name}`;
const run = (...args: string[]) => host.place.run(args);

test('tag prints the full names, goes on after one that cannot be, and push finds them', async () => {
  const { code, out, err } = await run('tag', host.image, there('mine/small'), 'UPPER', there('mine/small:2'));
  expect([code, out]).toEqual([1, `${there('mine/small')}:latest\n${there('mine/small:2')}\n`]);
  expect(err).toContain('UPPER');
  const json = JSON.parse((await run('tag', '--json', host.image, there('mine/small:3'))).out) as { name: string }[];
  expect(json.map(({ name }) => name)).toEqual([there('mine/small:3')]);
  expect((await run('tag', 'nothing-here', 'x')).code).toBe(1);
  expect((await run('tag', host.image, `x@sha256:${'0'.repeat(64)}`)).err).toContain('hint: ');
  expect((await run('push', '-q', there('mine/small:2'))).out).toBe(`${there('mine/small:2')}\n`);
  expect((await run('pull', '-q', there('mine/small:2'))).code).toBe(0);
});

test('push tells digest, what was sent and the name on stdout, and blobs by lines on stderr', async () => {
  const first = await run('push', host.image, there('pushed/small:1'));
  expect(first.code).toBe(0);
  expect(first.out).toMatch(/^Digest: sha256:[0-9a-f]{64}\nStatus: Pushed (\S+) \(1 of 3 sent, [\d.]+ k?B\)\n\1\n$/);
  expect(first.err).toMatch(/^2 blobs, [\d.]+ MB\n([0-9a-f]{12}: mounted\n){2}$/);
  const again = await run('push', host.image, there('pushed/small:1'));
  expect(again.out).toContain('(all of it was there)');
  expect(again.err).toMatch(/^2 blobs, [\d.]+ MB\n([0-9a-f]{12}: exists\n){2}$/);
  const { out, err } = await run('push', '--json', host.image, there('pushed/small:2'));
  expect([JSON.parse(out), err]).toEqual([expect.objectContaining({ name: there('pushed/small:2'), total: 3, sent: 0 }), '']);
});

test('push shows bars on a terminal and leaves it as it was', async () => {
  await using terminal = new Terminal(host.place.env, [launcher, 'push', host.image, there('bars/small:1')]);
  expect(await terminal.exit).toBe(0);
  const shown = await terminal.sees(/Status: Pushed/);
  expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThanOrEqual(shown.lastIndexOf('\u001b[?25l'));
});

test('a push that fails names what is wrong', async () => {
  const missing = await run('push', 'nothing-here');
  expect([missing.code, missing.out]).toEqual([1, '']);
  expect(missing.err).toContain('nothing-here');
  const refused = await run('push', host.image, '127.0.0.1:1/x');
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('hint: check host and port');
  const platform = await run('push', '--platform', 'linux/s390x', host.image);
  expect(platform.err).toContain('linux/s390x');
  expect((await run('push')).code).toBe(2);
});

test('copy goes from place to place, and referrers are listed', async () => {
  const copied = await run('copy', there('test/demo'), there('copied/demo:1'));
  expect(copied.out).toMatch(/^Digest: sha256:[0-9a-f]{64}\nStatus: Copied \S+ \(1 of 5 sent, .*\)\n\S+\n$/);
  const layout = host.place.file('layout');
  expect((await run('copy', '--referrers', there('copied/demo:1'), `oci:${layout}:demo`)).code).toBe(0);
  const back = await run('copy', '-q', `oci:${layout}:demo`, there('copied/back:1'));
  expect(back.out).toBe(`${there('copied/back:1')}\n`);
  expect((await run('images', '-q')).out).not.toContain('copied/');

  expect((await run('referrers', there('copied/demo:1'))).out).toBe('TYPE   DIGEST   SIZE\n');
  expect((await run('referrers', '-q', there('copied/demo:1'))).out).toBe('');
  expect(JSON.parse((await run('referrers', '--json', '--artifact-type', 'a/b', there('copied/demo:1'))).out)).toEqual([]);
  expect((await run('copy', there('test/demo'))).code).toBe(2);
});
