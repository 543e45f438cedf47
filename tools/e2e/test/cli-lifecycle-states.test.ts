import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CliPlace } from './cli-place.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

interface Done {
  readonly id: string;
  readonly name: string;
}

describe('create', () => {
  it('makes a container that does not run, and prints its id', async () => {
    const id = (await cli.out('create', '--name', 'web', 'box', 'sleep', '1000')).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await cli.out('ps', '-q')).toBe('');
    expect(await cli.out('ps', '-a')).toMatch(
      new RegExp(`^${id.slice(0, 12)} +box:latest +"sleep 1000" +.* ago +Created +web$`, 'm'),
    );
    const made = await cli.json<Done>('create', 'box');
    expect(made).toEqual({ id: expect.stringMatching(/^[0-9a-f]{64}$/), name: expect.stringMatching(/^box-[0-9a-f]{5}$/) });
  });

  it('refuses a name that is taken, or is none, and a command that is not there', async () => {
    await cli.out('create', '--name', 'web', 'box');
    expect(await cli.refused('create', '--name', 'web', 'box')).toMatchObject({
      status: 1,
      kind: 'already-exists',
      code: 'CONTAINER_EXISTS',
    });
    expect(await cli.refused('create', '--name', '../x', 'box')).toMatchObject({ status: 1, kind: 'invalid-argument' });
    expect(await cli.refused('create', '--pull', 'never', 'no-such-image')).toMatchObject({ status: 1, kind: 'not-found' });
    // What is in the container can change until it is started.
    await cli.out('create', '--name', 'lacks', 'box', 'no-such-command');
    expect(await cli.refused('start', 'lacks')).toMatchObject({ status: 1, code: 'COMMAND_NOT_FOUND' });
    expect(await cli.status('lacks')).toBe('created');
    expect(await cli.json<unknown[]>('ps', '-a')).toHaveLength(2);
  });
});

describe('start', () => {
  it('with -a shows everything that it writes, and ends as it does', async () => {
    await cli.out('create', '--name', 'job', 'box', 'sh', '-c', 'seq 3; echo bad >&2; exit 5');
    for (let run = 0; run < 2; run++)
      expect(await cli.run('start', '-a', 'job')).toMatchObject({ status: 5, stdout: '1\n2\n3\n', stderr: 'bad\n' });
    expect(await cli.refused('start', '-a', 'job', 'job')).toMatchObject({ status: 2, code: 'USAGE' });
    expect(await cli.refused('start', '-a', 'nobody')).toMatchObject({ status: 1, code: 'CONTAINER_NOT_FOUND' });
  });

  it('runs containers that go on without us, leaves those alone that run, and refuses paused ones', async () => {
    await cli.out('create', '--name', 'a', 'box', 'sleep', '1000');
    const b = (await cli.out('create', '--name', 'b', 'box', 'sleep', '1000')).trim();
    expect(await cli.out('start', 'a', b.slice(0, 20))).toBe(`a\n${b.slice(0, 20)}\n`);
    expect(await cli.out('ps', '-q', '--no-trunc')).toMatch(new RegExp(`^${b}\n[0-9a-f]{64}\n$`));
    const [before] = await cli.json<[{ pid: number }]>('inspect', 'a');
    expect(await cli.out('start', 'a')).toBe('a\n');
    expect(await cli.json('inspect', 'a')).toMatchObject([{ pid: before.pid }]);
    expect(await cli.refused('start', '-a', 'a')).toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_RUNNING' });
    await cli.out('pause', 'a');
    expect(await cli.refused('start', 'a')).toMatchObject({ status: 1, kind: 'failed-precondition', code: 'CONTAINER_PAUSED' });
  });

  it('starts one again with the files that it has written', async () => {
    await cli.out('create', '--name', 'twice', 'box', 'sh', '-c', 'echo more >> /log; exit $(wc -l < /log)');
    for (const code of ['1', '2', '3']) {
      await cli.out('start', 'twice');
      expect(await cli.out('wait', 'twice')).toBe(`${code}\n`);
    }
    expect(await cli.out('ps', '-a')).toMatch(/ Exited \(3\) .* ago +twice$/m);
  });
});

describe('stop', () => {
  it('asks with the signal and kills after the time', async () => {
    await cli.sleeper('obeys');
    await cli.out('create', '--name', 'deaf', 'box', 'sh', '-c', 'trap "" TERM; while :; do sleep 1000; done');
    await cli.out('start', 'deaf');
    expect(await cli.out('stop', '-t', '1', 'deaf', 'obeys')).toBe('deaf\nobeys\n');
    expect(await cli.out('wait', 'deaf', 'obeys')).toBe('137\n7\n');
    // Once more: nothing to do.
    expect(await cli.json<Done[]>('stop', 'deaf')).toMatchObject([{ name: 'deaf' }]);
  });

  it('sends the signal that was asked for, and of several that fail keeps none', async () => {
    await cli.out('create', '--name', 'int', 'box', 'sh', '-c', 'trap "exit 9" INT; while :; do sleep 1000 & wait; done');
    await cli.out('start', 'int');
    const { status, stdout, stderr } = await cli.run('stop', '--signal', 'INT', 'nobody', 'int');
    expect([status, stdout]).toEqual([1, 'int\n']);
    expect(stderr).toMatch(/^slipway: no container "nobody" here\nhint: .*\n$/);
    expect(await cli.out('wait', 'int')).toBe('9\n');
    expect(await cli.refused('stop', '--signal', 'SIGNONE', 'int')).toMatchObject({ status: 1, kind: 'invalid-argument' });
  });
});

it('restart stops and starts, and starts one that does not run', async () => {
  await cli.sleeper('web');
  const [before] = await cli.json<{ pid: number }[]>('inspect', 'web');
  expect(await cli.out('restart', '-t', '60', 'web')).toBe('web\n');
  const [after] = await cli.json<{ pid: number; exitCode?: number; status: string }[]>('inspect', 'web');
  expect(after?.status).toBe('running');
  expect(after?.pid).not.toBe(before?.pid);
  await cli.out('stop', 'web');
  expect(await cli.json<Done[]>('restart', 'web')).toMatchObject([{ name: 'web' }]);
  expect(await cli.status('web')).toBe('running');
  expect(await cli.refused('restart', 'nobody')).toMatchObject({ status: 1, code: 'CONTAINER_NOT_FOUND' });
});

it('kill sends a signal; what does not run cannot be killed', async () => {
  await cli.sleeper('web');
  expect(await cli.out('kill', '-s', 'TERM', 'web')).toBe('web\n');
  expect(await cli.out('wait', 'web')).toBe('7\n');
  expect(await cli.refused('kill', 'web')).toMatchObject({ status: 1, kind: 'failed-precondition' });
  expect(await cli.refused('kill', '-s', '99', 'web')).toMatchObject({ status: 1, kind: 'invalid-argument' });
  await cli.out('start', 'web');
  expect(await cli.json<Done[]>('kill', 'web')).toMatchObject([{ name: 'web' }]);
  expect(await cli.out('wait', 'web')).toBe('137\n');
});

it('pause freezes, unpause lets go on; each only where it makes sense', async () => {
  await cli.sleeper('web');
  expect(await cli.refused('unpause', 'web')).toMatchObject({ status: 1, kind: 'failed-precondition' });
  expect(await cli.out('pause', 'web')).toBe('web\n');
  expect(await cli.out('ps')).toMatch(/ Up .* \(Paused\) +web$/m);
  expect(await cli.refused('pause', 'web')).toMatchObject({ status: 1, kind: 'failed-precondition' });
  expect(await cli.out('complete-names', 'paused')).toBe('web\n');
  expect(await cli.json<Done[]>('unpause', 'web')).toMatchObject([{ name: 'web' }]);
  await cli.out('pause', 'web');
  // It is let go on for its end.
  await cli.out('stop', 'web');
  expect(await cli.out('wait', 'web')).toBe('7\n');
  expect(await cli.refused('pause', 'web')).toMatchObject({ status: 1, kind: 'failed-precondition' });
});

it('a container is named by its name, its id or a beginning that no other has', async () => {
  const ids: string[] = [];
  // Of seventeen two begin with the same digit.
  for (let count = 0; count < 17; count++) ids.push((await cli.out('create', 'box')).trim());
  const twice = ids.map(([digit = '']) => digit).find((digit, index, all) => all.indexOf(digit) !== index) ?? '';
  const ambiguous = await cli.refused('inspect', twice);
  expect(ambiguous).toMatchObject({ status: 1, kind: 'invalid-argument', code: 'CONTAINER_AMBIGUOUS', hint: 'give more digits' });
  expect(ids.filter((id) => ambiguous.message.includes(id)).length).toBeGreaterThan(1);
  const [first = ''] = ids;
  expect(await cli.json('inspect', first.slice(0, 40))).toMatchObject([{ id: first }]);
  await cli.out('rename', first, `n-${twice}`);
  await cli.out('rename', `n-${twice}`, twice);
  expect(await cli.json('inspect', twice)).toMatchObject([{ id: first }]);
  await cli.out('rm', ...ids);
});
