import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { finished, launcher, Terminal } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
  await host.place.run(['pull', '-q', host.image]);
});
afterAll(() => host[Symbol.asyncDispose]());

const name = (): string => `${host.image}:latest`;

test('save writes a file, and the same to stdout', async () => {
  const file = host.place.file('image.tar');
  const saved = await host.place.run(['save', '-o', file, host.image]);
  expect([saved.code, saved.out, saved.err]).toEqual([0, `Saved: ${name()}\n`, '']);
  const streamed = await host.place.run(['save', host.image]);
  expect(streamed.code).toBe(0);
  expect(streamed.stdout.equals(readFileSync(file))).toBe(true);
  expect((await host.place.run(['save', '-q', '-o', file, host.image])).out).toBe(`${name()}\n`);
  const [image] = JSON.parse((await host.place.run(['save', '--json', '-o', file, host.image])).out) as { name: string }[];
  expect(image?.name).toBe(name());
});

test('load reads a file, stdin and a folder, and tells what a name meant', async () => {
  const file = host.place.file('image.tar');
  await host.place.run(['save', '-o', file, host.image]);
  const layout = host.place.file('layout');
  expect((await host.place.run(['save', '--format', 'oci', '-o', layout, host.image])).code).toBe(0);
  await host.place.run(['rmi', host.image]);
  expect((await host.place.run(['load', '-i', file])).out).toBe(`Loaded: ${name()}\n`);
  expect((await host.place.run(['load', '-q'], readFileSync(file))).out).toBe(`${name()}\n`);
  const renamed = await host.place.run(['load', '--json', '-i', layout, '--name', 'app:2']);
  expect(JSON.parse(renamed.out)).toEqual([expect.objectContaining({ name: 'docker.io/library/app:2' })]);
  const docker = await host.place.run(['save', '--format', 'docker-archive', 'app:2']);
  const again = await host.place.run(['load'], docker.stdout);
  expect(again.out).toMatch(/^Loaded: docker\.io\/library\/app:2 \(was [0-9a-f]{12}\)\n$/);
});

test('what is here already is not said to be downloaded', async () => {
  const file = host.place.file('present.tar');
  await host.place.run(['save', '-o', file, host.image]);
  const loaded = await host.place.run(['load', '-i', file]);
  expect([loaded.code, loaded.out]).toEqual([0, `Loaded: ${name()}\n`]);
  expect(loaded.err).toMatch(/: exists\n/);
  expect(loaded.err).not.toContain('downloading');
});

test('an image is run from an archive by its path, relative to where we are', async () => {
  await host.place.run(['save', '-o', host.place.file('run.tar'), host.image]);
  const command = ['run', '--rm', 'oci-archive:run.tar', 'echo', 'from a file'];
  const ran = await host.place.run(command, undefined, { cwd: host.place.folder });
  expect([ran.code, ran.out]).toEqual([0, 'from a file\n']);
  const listed = await host.place.run(['images']);
  expect(listed.out).toContain(`oci-archive:${host.place.file('run.tar')}`);
  const removed = await host.place.run(['rmi', 'oci-archive:./run.tar'], undefined, { cwd: host.place.folder });
  expect(removed.out).toContain(`Untagged: oci-archive:${host.place.file('run.tar')}\n`);
  const missing = await host.place.run(['run', 'oci:latest']);
  expect([missing.code, missing.err]).toEqual([125, expect.stringContaining('docker.io/library/oci:latest') as string]);
});

test('a terminal is neither written to nor read from', async () => {
  for (const [command, said] of [
    [['save', host.image], /stdout is a terminal/],
    [['load'], /stdin is a terminal/],
  ] as const) {
    await using terminal = new Terminal(host.place.env, [launcher, ...command]);
    expect(await terminal.exit).not.toBe(0);
    await terminal.sees(said);
  }
});

test('what cannot be saved or loaded leaves no file', async () => {
  const file = host.place.file('none.tar');
  for (const args of [
    ['save', '-o', file, 'nothing:here'],
    ['save', '--format', 'oci', host.image],
    ['save', '--json', host.image],
    ['save', '--format', 'zip', '-o', file, host.image],
    ['load', '-i', file],
    ['load', '-i', host.place.file('image.tar'), '--name', 'UPPER'],
  ])
    expect((await host.place.run(args)).code, args.join(' ')).not.toBe(0);
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, 'no archive');
  expect((await host.place.run(['load', '-i', file])).err).toContain('is no tar file');
  expect(readdirSync(host.place.folder).filter((one) => one.startsWith('.none'))).toEqual([]);
});

test('a reader that has gone ends a save quietly', async () => {
  const script = `${launcher} save ${host.image} | head -c 100 | wc -c; echo ${'$'}{PIPESTATUS[0]}`;
  const { out, err } = await finished(spawn('bash', ['-c', script], { env: host.place.env, stdio: ['ignore', 'pipe', 'pipe'] }));
  expect(out).toMatch(/^100\n(0|141)\n$/);
  expect(err).toBe('');
});
