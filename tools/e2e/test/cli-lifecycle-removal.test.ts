import { afterAll, afterEach, expect, it } from 'vitest';
import { type Ended, runCli } from './child.ts';
import { CliPlace } from './cli-place.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

it('rm removes what has ended, and what runs only by force', async () => {
  await cli.sleeper('web');
  await cli.out('create', '--name', 'made', 'box');
  expect(await cli.out('rm', 'made')).toBe('made\n');
  expect(await cli.refused('rm', 'web')).toMatchObject({ status: 1, kind: 'failed-precondition' });
  expect(await cli.status('web')).toBe('running');
  expect(await cli.json('rm', '-f', 'web')).toMatchObject([{ name: 'web' }]);
  expect(await cli.refused('rm', 'web')).toMatchObject({ status: 1, code: 'CONTAINER_NOT_FOUND' });
  expect(await cli.run('rm', '-f', 'web')).toMatchObject({ status: 0, stdout: '' });
  expect(await cli.json('ps', '-a')).toEqual([]);
});

it('rm -v takes anonymous volumes, and leaves those with a name', async () => {
  await cli.out('create', '--name', 'web', '-v', '/scratch', '-v', 'data:/data', 'box');
  expect(await cli.json<unknown[]>('volume', 'ls')).toHaveLength(2);
  await cli.out('rm', '-v', 'web');
  expect(await cli.json('volume', 'ls')).toMatchObject([{ name: 'data' }]);
  await cli.out('volume', 'rm', 'data');
});

it('rename changes the name for everyone, also while it runs', async () => {
  const id = await cli.sleeper('web');
  expect(await cli.out('rename', 'web', 'www')).toBe('');
  expect(await cli.refused('inspect', '--type', 'container', 'web')).toMatchObject({ status: 1 });
  expect(await cli.json('inspect', 'www')).toMatchObject([{ id, name: 'www', status: 'running' }]);
  await cli.out('create', '--name', 'other', 'box');
  expect(await cli.refused('rename', 'other', 'www')).toMatchObject({ status: 1, kind: 'already-exists' });
  expect(await cli.refused('rename', 'other', 'a b')).toMatchObject({ status: 1, kind: 'invalid-argument' });
  expect(await cli.json('rename', 'other', 'web')).toMatchObject({ name: 'web' });
});

it('wait gives the exit codes of all, in order, and waits for what it is told to', async () => {
  await cli.sleeper('long');
  await cli.out('create', '--name', 'short', 'box', 'sh', '-c', 'exit 3');
  await cli.out('start', 'short');
  const both = cli.out('wait', 'long', 'short');
  await cli.reaches('short', 'exited');
  await cli.out('stop', 'long');
  expect(await both).toBe('7\n3\n');
  expect(await cli.json('wait', 'short')).toEqual([
    { id: expect.any(String) as string, name: 'short', exitCode: 3, exitedAt: expect.any(String) as string, oomKilled: false },
  ]);

  const next = cli.run('wait', '--condition', 'next-exit', 'short');
  let done = false;
  void next.finally(() => {
    done = true;
  });
  // Again and again: when it waits from is not to be seen.
  while (!done) {
    await cli.out('start', 'short');
    await cli.out('wait', 'short');
  }
  expect(await next).toMatchObject({ status: 0, stdout: '3\n' });
  await cli.out('create', '--name', 'never', 'box');
  expect(await cli.refused('wait', 'never')).toMatchObject({ status: 1, kind: 'failed-precondition' });
  expect(await cli.refused('wait', 'nobody')).toMatchObject({ status: 1, code: 'CONTAINER_NOT_FOUND' });
});

it('a container that is to go when it ends goes, and who waits for its removal is told the exit code', async () => {
  let removed: Ended;
  do {
    await cli.sleeper('web', '--rm');
    const waiting = cli.run('wait', '--condition', 'removed', 'web');
    await cli.out('stop', 'web');
    removed = await waiting;
    expect(await cli.json('ps', '-a')).toEqual([]);
    // It had not looked before all was over.
  } while (removed.stderr.includes('no container "web" here'));
  expect(removed).toMatchObject({ status: 0, stdout: '7\n', stderr: '' });
});

it('container prune removes what does not run and matches, after a question', async () => {
  await cli.sleeper('runs');
  const old = (await cli.out('create', '--name', 'old', '-l', 'team=web', 'box')).trim();
  const other = (await cli.out('create', '--name', 'other', 'box')).trim();
  expect(await cli.refused('container', 'prune')).toMatchObject({ status: 2, code: 'USAGE' });
  expect(await cli.out('container', 'prune', '-n', '--filter', 'label=team')).toMatch(
    new RegExp(`^Would delete: ${old.slice(0, 12)}\nWould free: `),
  );
  expect(await cli.out('container', 'prune', '-f', '-q', '--filter', 'until=1h')).toBe('');
  expect(await cli.out('container', 'prune', '-f', '-q', '--filter', 'label=team=web')).toBe(`${old}\n`);
  expect(await cli.json('container', 'prune', '-f')).toMatchObject({ containers: [other] });
  expect(await cli.json('ps', '-a')).toMatchObject([{ name: 'runs' }]);
});

it('prune leaves stopped containers, with what they have written and their image', async () => {
  await cli.out('create', '--name', 'keeps', 'box', 'sh', '-c', 'test -e /mark && exit 5; echo > /mark');
  await cli.out('start', 'keeps');
  expect(await cli.out('wait', 'keeps')).toBe('0\n');
  expect((await runCli(cli.place, ['prune', '--all', '--json'])).status).toBe(0);
  await cli.out('start', 'keeps');
  expect(await cli.out('wait', 'keeps')).toBe('5\n');
  await cli.out('rm', 'keeps');
});
