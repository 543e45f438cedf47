import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { finished, launcher, Terminal, until } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

/** A container whose command has done this and waits. */
async function container(name: string, script: string): Promise<{ end(): Promise<void> }> {
  const child = host.place.start(['run', '--name', name, host.image, 'sh', '-c', `${script}; echo ready; exec sleep 1000`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await until(
    () => shown.includes('ready'),
    () => shown,
  );
  return {
    end: async () => {
      const gone = finished(child);
      // The first process of a container has no handlers but those that it makes.
      child.kill('SIGKILL');
      await gone;
    },
  };
}

test('commit makes an image that runs; diff tells what it has more', async () => {
  const web = await container('web', 'echo made > /etc/made; rm /bin/ls; mkdir /srv; echo > "/srv/$(printf \'a\\033[2J\')"');
  try {
    const { out } = await host.place.run(['diff', 'web']);
    expect(out).toBe('C /bin\nD /bin/ls\nC /etc\nA /etc/made\nA /srv\nA /srv/a\\u{1b}[2J\n');
    expect((await host.place.run(['diff', '-q', 'web'])).out.split('\n')[1]).toBe('/bin/ls');
    const made = await host.place.run([
      'commit',
      'web',
      'app:2',
      '-m',
      'more\u001b[2J',
      '-a',
      'A. Person',
      '-c',
      'CMD cat /etc/made',
    ]);
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out).toMatch(/^Digest: sha256:[0-9a-f]{64}\ndocker\.io\/library\/app:2\n$/);
  } finally {
    await web.end();
  }
  expect((await host.place.run(['run', '--pull', 'never', 'app:2'])).out).toBe('made\n');
  expect(JSON.parse((await host.place.run(['diff', '--json', 'app:2'])).out)).toContainEqual({
    path: '/etc/made',
    kind: 'added',
  });
  expect((await host.place.run(['diff', host.image, 'app:2'])).out).toContain('A /etc/made\n');

  const { out } = await host.place.run(['history', 'app:2']);
  const [head = '', top = '', below = ''] = out.split('\n');
  expect(head).toMatch(/^LAYER +CREATED +CREATED BY +SIZE +COMMENT$/);
  expect(top).toMatch(/^[0-9a-f]{12} +just now +slipway commit +\d+ B +more\\u\{1b\}\[2J$/);
  expect(below).toMatch(/^[0-9a-f]{12} +\d+ years ago +layer 1 +[\d.]+ MB$/);
  expect((await host.place.run(['history', '-q', 'app:2'])).out).toMatch(/^(sha256:[0-9a-f]{64}\n){2}$/);
  expect((await host.place.run(['history', '--no-trunc', 'app:2'])).out).toMatch(/^sha256:[0-9a-f]{64} /m);
  const items = JSON.parse((await host.place.run(['history', '--json', 'app:2'])).out) as object[];
  expect(items[0]).toMatchObject({
    comment: 'more\u001b[2J',
    author: 'A. Person',
    layer: { size: expect.any(Number) as number },
  });

  const tree = (await host.place.run(['images', 'tree'])).out;
  expect(tree).toMatch(
    /^└─ [0-9a-f]{12} [\d.]+ MB \S+\/test\/small:latest\n {3}└─ [0-9a-f]{12} \d+ B docker\.io\/library\/app:2\n$/,
  );
  expect((await host.place.run(['images', 'tree', '-q'])).out).toMatch(/^└─ sha256:[0-9a-f]{64}\n {3}└─ sha256:[0-9a-f]{64}\n$/);
  expect(JSON.parse((await host.place.run(['images', 'tree', '--json'])).out)).toEqual([
    expect.objectContaining({
      names: [`${host.image}:latest`],
      children: [expect.objectContaining({ names: ['docker.io/library/app:2'] })],
    }),
  ]);
});

test('export writes a tar file to a pipe or a file; import makes an image of it', async () => {
  const file = host.place.file('exported.tar');
  writeFileSync(file, 'before');
  const web = await container('exported', 'echo made > /etc/made');
  try {
    const refused = await host.place.run(['export', '-o', path.join(file, 'below'), 'exported']);
    expect(refused.code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect((await host.place.run(['export', '--output', file, 'exported'])).code).toBe(0);
    const { stdout } = await host.place.run(['export', 'exported']);
    expect(stdout.equals(readFileSync(file))).toBe(true);
    const script = `${launcher} export exported | head -c 100 > /dev/null; echo ${'$'}{PIPESTATUS[0]}`;
    const gone = execFileSync('bash', ['-c', script], { env: host.place.env });
    expect(gone.toString()).toBe('141\n');
    await using terminal = new Terminal(host.place.env, [launcher, 'export', 'exported']);
    await terminal.sees(/stdout is a terminal/);
    expect(await terminal.exit).toBe(2);
  } finally {
    await web.end();
  }
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(host.place.folder).filter((name) => name.startsWith('.exported'))).toEqual([]);
  expect(execFileSync('tar', ['-xOf', file, 'etc/made'], { encoding: 'utf8' })).toBe('made\n');

  const imported = await host.place.run(['import', '-q', file, 'plain', '-c', 'CMD ["cat", "/etc/made"]']);
  expect([imported.out, imported.code]).toEqual(['docker.io/library/plain:latest\n', 0]);
  expect((await host.place.run(['run', '--pull', 'never', 'plain'])).out).toBe('made\n');
  const piped = await host.place.run(['import', '--json', '-', 'piped:1'], execFileSync('gzip', ['-c', file]));
  expect(JSON.parse(piped.out)).toMatchObject({ name: 'docker.io/library/piped:1' });
  const empty = await host.place.run(['import', '-', 'nothing:1'], '');
  expect([empty.code, empty.out]).toEqual([1, '']);
  expect(empty.err).toMatch(/^slipway: stdin is empty, expected a tar file\nhint: .*failed\n$/);
});

test('what has gone or never was is told with what to do', async () => {
  const missing = await host.place.run(['commit', 'nobody', 'app:3']);
  expect(missing.code).toBe(1);
  expect(missing.err).toMatch(/no container "nobody" here\nhint: slipway ps -a/);
  expect((await host.place.run(['export', '-o', host.place.file('none.tar'), 'nobody'])).code).toBe(1);
  expect(existsSync(host.place.file('none.tar'))).toBe(false);
  expect((await host.place.run(['diff', 'nobody'])).err).toContain('no container and no image "nobody" here');
  expect((await host.place.run(['history', 'nobody'])).err).toContain('no image "nobody" here');
  const file = host.place.file('odd.tar');
  symlinkSync('/dev/null', file);
  mkdirSync(host.place.file('folder'));
  const bad = await host.place.run(['import', file, 'app:3', '-c', 'RUN make']);
  expect(bad.err).toContain('instruction "RUN" cannot be given here');
  expect((await host.place.run(['import', host.place.file('folder'), 'app:3'])).err).toContain('expected a tar file');
  expect((await host.place.run(['import', 'mistyped.tar', 'app:3'])).err).toMatch(/ENOENT.*\nhint: check the path/);
  expect((await host.place.run(['images', '-q'])).out).not.toContain('app:3');
});
