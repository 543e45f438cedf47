import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePlace, planCopy } from '../dist/copy/place.js';
import { DetachKeys, parseDetachKeys } from '../dist/run/detach-keys.js';
import { type Host, startHost } from './registry.js';
import { launcher, Terminal, until } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  const { out } = await host.place.run(['ps', '-aq']);
  for (const id of out.split('\n').filter(Boolean)) await host.place.run(['rm', '-f', id]);
  await host[Symbol.asyncDispose]();
});

const run = (...args: string[]) => host.place.run(args);
const open = (...args: string[]): Terminal => new Terminal(host.place.env, [launcher, ...args]);
const [ctrlP, ctrlQ] = ['\u0010', '\u0011'];
const status = async (name: string): Promise<string> =>
  (JSON.parse((await run('inspect', name)).out) as { status: string }[])[0]!.status;

describe('detach keys', () => {
  const keys = (text: string): DetachKeys => new DetachKeys(parseDetachKeys('run', text));

  test.each([
    ['ctrl-p,ctrl-q', [16, 17]],
    ['ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [0, 27, 28, 29, 30, 31]],
    ['a,b,Z', [97, 98, 90]],
  ])('%s', (text, bytes) => {
    expect(parseDetachKeys('run', text)).toEqual(bytes);
  });

  test.each(['', 'ctrl-', 'ctrl-P', 'ctrl-1', 'ab', 'a,,b', 'é'])('%s are none', (text) => {
    expect(() => parseDetachKeys('run', text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('typed in pieces, or after what only looks like their beginning', () => {
    const one = keys('ctrl-p,ctrl-q');
    expect(one.take(Buffer.from('a\u0010'))).toEqual({ bytes: Buffer.from('a'), detached: false });
    expect(one.take(Buffer.from('b'))).toEqual({ bytes: Buffer.from('\u0010b'), detached: false });
    expect(one.take(Buffer.from('\u0010\u0010'))).toEqual({ bytes: Buffer.from('\u0010'), detached: false });
    expect(one.take(Buffer.from('\u0011rest'))).toEqual({ bytes: Buffer.from(''), detached: true });
  });
});

describe('grammar of cp', () => {
  test.each([
    ['web:/a', { kind: 'container', container: 'web', path: '/a' }],
    ['web:a/.', { kind: 'container', container: 'web', path: '/a/.' }],
    ['web:a:b', { kind: 'container', container: 'web', path: '/a:b' }],
    ['./a:b', { kind: 'local', path: './a:b' }],
    ['/a:b', { kind: 'local', path: '/a:b' }],
    ['a', { kind: 'local', path: 'a' }],
    ['-', { kind: 'stream' }],
  ])('%s', (text, place) => {
    expect(parsePlace(text)).toEqual(place);
  });

  const [file, folder, content] = [
    { isDirectory: false, isContent: false, name: 'x' },
    { isDirectory: true, isContent: false, name: 'x' },
    { isDirectory: true, isContent: true, name: 'x' },
  ];
  test.each([
    [file, 'directory', false, { into: '/to', as: 'x' }],
    [file, 'file', false, { into: '/', as: 'to' }],
    [file, undefined, false, { into: '/', as: 'to' }],
    [file, undefined, true, 'not there'],
    [file, 'file', true, 'not a directory'],
    [file, 'other', false, 'neither'],
    [folder, 'directory', true, { into: '/to', as: 'x' }],
    [folder, undefined, true, { into: '/', as: 'to' }],
    [folder, 'file', false, 'is a file'],
    [content, 'directory', false, { into: '/to', as: '.' }],
    [content, undefined, false, { into: '/', as: 'to' }],
  ] as const)('%j to %s, a slash behind it: %s', (source, kind, mustBeDirectory, plan) => {
    const planned = () => planCopy(source, { path: '/to', given: '/to', kind, mustBeDirectory });
    if (typeof plan === 'string') expect(planned).toThrow(plan);
    else expect(planned()).toEqual(plan);
  });
});

describe('run', () => {
  test('-d prints the id, the container goes on, and its log, its exit code and its end are there', async () => {
    const { out, code } = await run(
      'run',
      '-d',
      '--name',
      'd',
      '--cidfile',
      host.place.file('cid'),
      host.image,
      'sh',
      '-c',
      'echo out; echo err >&2; read x < /dev/zero; exit 3',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^[0-9a-f]{64}\n$/);
    expect(readFileSync(host.place.file('cid'), 'utf8')).toBe(out.trim());
    await until(async () => (await run('logs', 'd')).out === 'out\n');
    expect((await run('logs', 'd')).err).toBe('err\n');
    expect((await run('logs', '-t', 'd')).out).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z out\n$/);
    const lines = (await run('logs', '--json', 'd')).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual(expect.objectContaining({ stream: 'stdout', line: 'out' }));
    await run('rm', '-f', 'd');
  });

  test('what moves a cursor is no byte of the JSON of a log', async () => {
    const hostile = String.raw`printf '\033[2J\302\2332J \342\200\256x\n'`;
    await run('run', '--name', 'hostile', host.image, 'sh', '-c', hostile);
    const { out } = await run('logs', '--json', 'hostile');
    expect(out).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(out)).toMatchObject({ line: '\u001b[2J\u009b2J \u202ex' });
    await run('rm', 'hostile');
  });

  test('a cidfile that is there stays as it is, and nothing is run', async () => {
    const file = host.place.file('there');
    writeFileSync(file, 'mine');
    const { code, err } = await run('run', '--cidfile', file, '--name', 'never', host.image, 'true');
    expect([code, readFileSync(file, 'utf8')]).toEqual([125, 'mine']);
    expect(err).toContain(`write the id of the container to ${JSON.stringify(file)}, which must not be there`);
    expect((await run('inspect', 'never')).code).toBe(1);
  });

  test('without --rm the container stays, with it it goes', async () => {
    expect((await run('run', '--name', 'kept', host.image, 'sh', '-c', 'exit 7')).code).toBe(7);
    expect(await status('kept')).toBe('exited');
    await run('rm', 'kept');
    await run('run', '--rm', '--name', 'gone', host.image, 'true');
    expect((await run('inspect', 'gone')).code).toBe(1);
  });

  test('the keys leave it running; attach comes back to the same shell, and another one sees what it does', async () => {
    {
      await using terminal = open('run', '-it', '--name', 'shell', host.image, 'sh');
      const before = await terminal.settings();
      await terminal.sees('# ');
      terminal.type('X=kept\r');
      terminal.type(ctrlP);
      terminal.type(ctrlQ);
      expect(await terminal.exit).toBe(0);
      expect(await terminal.settings()).toBe(before);
    }
    expect(await status('shell')).toBe('running');
    await using one = open('attach', 'shell');
    await using other = open('attach', '--detach-keys', 'ctrl-x', 'shell');
    await until(() => {
      one.type('\r');
      return one.shown.includes('# ') && other.shown.includes('# ');
    });
    one.type('echo "is $X"\r');
    await one.sees('is kept');
    await other.sees('is kept');
    other.type('\u0018');
    expect(await other.exit).toBe(0);
    one.resize({ columns: 133, rows: 44 });
    await until(() => {
      one.type('stty size\r');
      return one.shown.includes('44 133');
    });
    one.type('exit 9\r');
    expect(await one.exit).toBe(9);
    await run('rm', '-f', 'shell');
  });

  test('bug: attach with a pipe for stdin waited without a word at a container with a terminal', async () => {
    await run('create', '-it', '--name', 'screen', host.image, 'sh');
    for (const command of [
      ['start', '-ai', 'screen'],
      ['attach', 'screen'],
    ])
      expect(await host.place.run(command, 'exit 3\n')).toMatchObject({
        code: 1,
        err: expect.stringContaining('the input device is not a TTY'),
      });
    expect(await status('screen')).toBe('created');
    await run('rm', 'screen');
  });

  test('a terminal that hangs up leaves it running', async () => {
    await using terminal = open('run', '-it', '--name', 'hung', host.image, 'sh');
    await terminal.sees('# ');
    terminal.hangUp();
    expect(await terminal.exit).toBe(129);
    expect(await status('hung')).toBe('running');
    await run('rm', '-f', 'hung');
  });

  test('a command that is killed leaves it running, with --die-with-parent it ends', async () => {
    for (const [flags, expected] of [
      [[], 'running'],
      [['--die-with-parent'], 'exited'],
    ] as const) {
      const child = host.place.start(['run', ...flags, '--name', 'orphan', host.image, 'sh', '-c', 'echo up; sleep 1000'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      // The launcher is a shell that has become Node.
      child.kill('SIGKILL');
      await until(async () => (await status('orphan')) === expected);
      await run('rm', '-f', 'orphan');
    }
  });
});

describe('in a container that runs', () => {
  beforeAll(async () => {
    await run(
      'run',
      '-d',
      '-i',
      '--name',
      'subject',
      host.image,
      'sh',
      '-c',
      'while read line; do echo "got:$line"; done; exit 4',
    );
  });

  test('exec: exit codes, env, user, stdin with its end', async () => {
    expect((await run('exec', 'subject', 'sh', '-c', 'exit 42')).code).toBe(42);
    const missing = await run('exec', 'subject', 'no-such');
    expect(missing).toMatchObject({ code: 127, err: expect.stringContaining('is not in container "subject"') });
    expect((await run('exec', 'subject', '/etc')).code).toBe(126);
    expect((await run('exec', 'no-such', 'true')).code).toBe(1);
    expect(
      (await run('exec', '-e', 'A=b', '-u', '7:8', '-w', '/etc', 'subject', 'sh', '-c', 'echo $A; id -u; id -g; pwd')).out,
    ).toBe('b\n7\n8\n/etc\n');
    expect((await host.place.run(['exec', '-i', 'subject', 'wc', '-c'], Buffer.alloc(300_000))).out.trim()).toBe('300000');
  });

  test('exec -it: ^C, ^Z and the size are the process\u2019s, the keys leave it running', async () => {
    const script = 'trap "echo got-INT" INT; trap "echo got-TSTP" TSTP; stty size; echo ready; while :; do sleep 0.1; done';
    await using terminal = open('exec', '-it', 'subject', 'sh', '-c', script);
    await terminal.sees(/30 100\r\nready/);
    const raw = await terminal.settings();
    terminal.type('\u0003');
    await terminal.sees('got-INT');
    terminal.type('\u001a');
    await terminal.sees('got-TSTP');
    terminal.type(`${ctrlP}${ctrlQ}`);
    expect(await terminal.exit).toBe(0);
    expect(await terminal.settings()).not.toBe(raw);
    expect((await run('exec', 'subject', 'ps')).out).toContain('got-TSTP');
  });

  test('attach: what goes in comes out, and the end of stdin is the container\u2019s', async () => {
    const { out, code } = await host.place.run(['attach', 'subject'], 'one\ntwo\n');
    expect([out, code]).toEqual(['got:one\ngot:two\n', 4]);
    expect((await run('logs', '-n', '1', 'subject')).out).toBe('got:two\n');
    expect((await run('attach', 'subject')).code).toBe(1);
  });
});

describe('cp', () => {
  beforeAll(async () => {
    await run(
      'run',
      '-d',
      '--name',
      'files',
      host.image,
      'sh',
      '-c',
      'mkdir -p /d/sub; echo a > /d/a; ln -s a /d/link; ln -s /etc /d/out; chmod 640 /d/a; sleep 1000',
    );
    await until(async () => (await run('exec', 'files', 'ls', '/d/out')).code === 0);
  });

  test.each(['running', 'stopped'])('out of a %s container and back in, by docker\u2019s rules', async (state) => {
    if (state === 'stopped') await run('stop', '-t', '0', 'files');
    const here = host.place.file(state);
    mkdirSync(here);
    expect((await run('cp', 'files:/d', here)).code).toBe(0);
    expect(readFileSync(`${here}/d/a`, 'utf8')).toBe('a\n');
    expect((await run('cp', 'files:/d/.', `${here}/new`)).code).toBe(0);
    expect(readFileSync(`${here}/new/a`, 'utf8')).toBe('a\n');
    expect((await run('cp', 'files:/d/link', `${here}/link`)).code).toBe(0);
    expect((await run('cp', '-L', 'files:/d/link', `${here}/followed`)).code).toBe(0);
    expect(readFileSync(`${here}/followed`, 'utf8')).toBe('a\n');
    expect((await run('cp', 'files:/no/such', here)).code).toBe(1);
    expect((await run('cp', 'files:/d', `${here}/followed`)).code).toBe(1);

    writeFileSync(`${here}/mine`, 'mine');
    symlinkSync('mine', `${here}/to-mine`);
    expect((await run('cp', `${here}/mine`, 'files:/d/sub')).code).toBe(0);
    expect((await run('cp', `${here}/mine`, 'files:/d/renamed')).code).toBe(0);
    expect((await run('cp', `${here}/mine`, 'files:/d/out/through-a-link')).code).toBe(0);
    expect((await run('cp', `${here}/new/.`, 'files:/d/again')).code).toBe(0);
    const tar = await run('cp', 'files:/d', '-');
    expect(tar.code).toBe(0);
    expect((await host.place.run(['cp', '-', 'files:/tmp'], tar.stdout)).code).toBe(0);
    for (const [inside, text] of [
      ['/d/sub/mine', 'mine'],
      ['/d/renamed', 'mine'],
      ['/etc/through-a-link', 'mine'],
      ['/d/again/a', 'a\n'],
      ['/tmp/d/sub/mine', 'mine'],
    ]) {
      expect((await run('cp', `files:${inside}`, `${here}/back`)).err).toBe('');
      expect(readFileSync(`${here}/back`, 'utf8')).toBe(text);
    }
    expect((await run('cp', `${here}/mine`, 'files:/no/such/')).code).toBe(1);
    expect((await run('cp', here, here)).code).toBe(2);
    expect((await run('cp', '', 'files:/d')).code).toBe(2);
  });

  test('bug: what failed was told in the words of the system, about descriptors of our own', async () => {
    const [here, mine] = [host.place.folder, `${host.place.folder}/single`];
    writeFileSync(mine, 'mine');
    await run('create', '--name', 'fixed', '--read-only', host.image, 'true');
    const failure = async (source: string, destination: string): Promise<string> => {
      const { code, out, err } = await run('cp', source, destination);
      expect([code, out]).toEqual([1, '']);
      const [first = ''] = err.split('\n');
      expect(first).toContain(`slipway: copy ${JSON.stringify(source)} to ${JSON.stringify(destination)}: `);
      return first.slice(first.indexOf(': ', first.indexOf(' to ')) + 2);
    };
    expect(await failure(`${here}/none`, 'fixed:/')).toBe(`nothing is at "${here}/none"`);
    expect(await failure(`${mine}/below`, 'fixed:/')).toBe(`"${mine}/below" leads through what is not a directory`);
    expect(await failure(mine, 'fixed:/etc')).toBe('read-only file system');
    expect(await failure(mine, 'fixed:/none/x')).toBe('nothing is at "/none" in the container');
    expect(await failure(mine, 'fixed:/none/')).toBe('the directory "/none/" is not there');
    expect(await failure(here, 'fixed:/etc/passwd')).toBe('"/etc/passwd" is a file, and a directory cannot take its place');
    expect(await failure('fixed:/none', here)).toBe('nothing is at "/none" in the container');
    expect(await failure('fixed:/etc/passwd', `${here}/no/such`)).toBe(`nothing is at "${here}/no"`);
    expect(await failure('fixed:/etc', mine)).toBe(`"${mine}" is a file, and a directory cannot take its place`);
    expect(await failure('fixed:/etc/passwd', '/proc/none')).toBe('no such file or directory');
    await run('rm', 'fixed');
  });
});
