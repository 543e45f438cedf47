import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LineProgress } from '../src/progress/line-progress.js';
import { type Host, startHost } from './registry.js';
import { finished, launcher, Place, Terminal } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());
const demo = (): string => `${host.registry.address}/test/demo`;

test('pull tells digest, status and name on stdout, and layers by lines on stderr', async () => {
  const first = await host.place.run(['pull', demo()]);
  expect(first.code).toBe(0);
  expect(first.out).toMatch(/^Digest: sha256:[0-9a-f]{64}\nStatus: Pulled (\S+)\n\1\n$/);
  expect(first.err).toMatch(
    /^Resolving \S+\nResolved sha256:\S+\n3 layers, [\d.]+ MB\n([0-9a-f]{12}: (downloading .*|downloaded|unpacking|unpacked|exists)\n)+$/,
  );
  const again = await host.place.run(['pull', demo()]);
  expect(again.out).toContain(`Status: ${demo()}:latest is up to date\n`);
});

test('rmi of a digest with several names tells them, and removes none', async () => {
  const named = JSON.parse((await host.place.run(['pull', '--json', demo()])).out) as {
    readonly target: { readonly digest: string };
  };
  await host.place.run(['tag', demo(), 'also:1']);
  const refused = await host.place.run(['rmi', named.target.digest]);
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toContain(`has 2 names: ${demo()}:latest, docker.io/library/also:1\nhint: remove them by name\n`);
  expect((await host.place.run(['rmi', 'also:1'])).code).toBe(0);
});

test('pull -q prints the name alone, --json the image', async () => {
  const quiet = await host.place.run(['pull', '-q', demo()]);
  expect([quiet.out, quiet.err]).toEqual([`${demo()}:latest\n`, '']);
  const { out, err } = await host.place.run(['pull', '--json', demo()]);
  expect([JSON.parse(out), err]).toEqual([
    expect.objectContaining({ name: `${demo()}:latest`, size: expect.any(Number) as number }),
    '',
  ]);
});

test.each([4, 0])('bars on a terminal of %d rows leave it with its cursor and wrapping', async (rows) => {
  await host.place.run(['rmi', demo()]);
  await using terminal = new Terminal(host.place.env, [launcher, 'pull', demo()], { columns: rows && 100, rows });
  expect(await terminal.exit).toBe(0);
  // The last bytes may still be in the terminal when the process has ended.
  const shown = await terminal.sees(/Status: Pulled/);
  expect(shown).toContain('3 layers');
  expect(shown).toContain('unpacked');
  expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThan(shown.lastIndexOf('\u001b[?25l'));
  expect(shown.lastIndexOf('\u001b[?7h')).toBeGreaterThan(shown.lastIndexOf('\u001b[?7l'));
});

test('bars are taken down also when three signals end us at once', async () => {
  using place = new Place();
  await using terminal = new Terminal(place.env, [launcher, 'pull', demo()]);
  await terminal.sees('\u001b[?25l');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT', 'SIGINT'] as const) terminal.child.kill(signal);
  await terminal.exit;
  const { shown } = terminal;
  expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThan(shown.lastIndexOf('\u001b[?25l'));
});

test('a failed pull names what is wrong and ends with 1', async () => {
  const { code, out, err } = await host.place.run(['pull', `${host.registry.address}/test/nothing`]);
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/slipway: .*test\/nothing.*\n/);
  const invalid = JSON.parse((await host.place.run(['pull', '--json', 'UPPER\u001b[2J'])).err) as { code: string };
  expect(invalid.code).toBe('REFERENCE_INVALID');
});

test('images as a table, as names, as JSON; inspect shows the config', async () => {
  await host.place.run(['pull', '-q', demo()]);
  const { out } = await host.place.run(['images']);
  expect(out.split('\n')[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
  expect(out).toMatch(new RegExp(`^${demo()} +latest +[0-9a-f]{12} +\\S.* +[\\d.]+ MB$`, 'm'));
  const names = (await host.place.run(['images', 'ls', '-q'])).out.trim().split('\n');
  const images = JSON.parse((await host.place.run(['images', '--json'])).out) as { name: string }[];
  expect(images.map(({ name }) => name)).toEqual(names);
  const inspected = await host.place.run(['inspect', host.image, 'nothing-here', demo()]);
  expect(inspected.code).toBe(1);
  expect(inspected.err).toContain('nothing-here');
  expect(JSON.parse(inspected.out)).toEqual([
    expect.objectContaining({
      name: `${host.image}:latest`,
      platform: { os: 'linux', architecture: expect.any(String) as string },
    }),
    expect.objectContaining({ name: `${demo()}:latest` }),
  ]);
});

test('images by name, label and age; what is no filter is told', async () => {
  await host.place.run(['pull', '-q', demo()]);
  const listed = async (...args: readonly string[]): Promise<string[]> => {
    const { code, out, err } = await host.place.run(['images', '-q', ...args]);
    expect([code, err]).toEqual([0, '']);
    return out.split('\n').slice(0, -1);
  };
  const [registry] = demo().split('/');
  const both = [`${demo()}:latest`, `${host.image}:latest`].toSorted();
  expect(await listed()).toEqual(both);
  expect(await listed(demo())).toEqual([`${demo()}:latest`]);
  expect(await listed(`${demo()}:latest`)).toEqual([`${demo()}:latest`]);
  expect(await listed(`${registry}/test/*`)).toEqual(both);
  expect(await listed(`${registry}/*`)).toEqual([]);
  expect(await listed('-f', `reference=${demo()}:*`)).toEqual([`${demo()}:latest`]);
  expect(await listed('-f', 'label=no.such.label')).toEqual([]);
  const [{ config } = { config: {} }] = JSON.parse((await host.place.run(['inspect', demo()])).out) as {
    config: { created?: string; config?: { Labels?: Record<string, string> } };
  }[];
  const [key, value] = Object.entries(config?.config?.Labels ?? {})[0] ?? [];
  if (key !== undefined) expect(await listed('-f', `label=${key}=${value}`)).toContain(`${demo()}:latest`);
  expect(await listed('-f', `before=${demo()}`)).not.toContain(`${demo()}:latest`);
  expect((await host.place.run(['images', '-f', 'since=nothing-here'])).err).toContain('nothing-here');
  const wrong = await host.place.run(['images', '-f', 'dangling']);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('reference=, label=, before=, since=');
  expect((await host.place.run(['images', '--no-trunc'])).out).toMatch(/sha256:[0-9a-f]{64}/);
});

test('a reader that has gone ends a listing quietly, a full disk does not', async () => {
  const script = `${launcher} images | true; echo ${'$'}{PIPESTATUS[0]}; ${launcher} images > /dev/full; echo $?`;
  const child = spawn('bash', ['-c', `${script}`], { env: host.place.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { out, err } = await finished(child);
  expect(out).toMatch(/^(0|141)\n1\n$/);
  expect(err).toMatch(/^slipway: .*no space left on device.*\n(hint: .*\n)?$/i);
});

test('an image is mounted, unmounted and removed', async () => {
  const directory = host.place.file('mounted');
  mkdirSync(directory);
  expect((await host.place.run(['images', 'mount', demo(), directory])).code).toBe(0);
  try {
    expect(readdirSync(directory)).toContain('bin');
    const inUse = await host.place.run(['rmi', demo()]);
    expect([inUse.code, inUse.out]).toEqual([1, '']);
  } finally {
    expect((await host.place.run(['images', 'unmount', directory])).code).toBe(0);
  }
  expect(readdirSync(directory)).toEqual([]);
  const removed = await host.place.run(['rmi', demo(), 'nothing-here']);
  expect(removed.code).toBe(1);
  expect(removed.out).toMatch(new RegExp(`^Untagged: ${demo()}:latest\n(Deleted: sha256:[0-9a-f]{64}\n)+Freed: `));
  expect(removed.err).toContain('nothing-here');
  expect(existsSync(directory)).toBe(true);
});

test('plain progress: one line for each layer and change of phase, names made harmless', () => {
  const lines: string[] = [];
  using progress = new LineProgress({ out: () => {}, err: (text) => void lines.push(text) });
  const digest = `sha256:${'ab'.repeat(32)}` as const;
  progress.show({ type: 'resolving', name: 'x\u001b[2J' });
  for (const [phase, current] of [
    ['downloading', 0],
    ['downloading', 5],
    ['downloaded', 10],
    ['unpacking', 0],
    ['unpacking', 9],
    ['unpacked', 10],
  ] as const) {
    progress.show({ type: 'layer', digest, phase, current, total: 10 });
  }
  expect(lines).toEqual([
    'Resolving x\\u{1b}[2J\n',
    'abababababab: downloading 10 B\n',
    'abababababab: downloaded\n',
    'abababababab: unpacking\n',
    'abababababab: unpacked\n',
  ]);
});
