import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, expect, it } from 'vitest';
import { startCli } from './child.ts';
import { CliPlace } from './cli-place.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

const names = async (...options: readonly string[]): Promise<readonly string[]> =>
  (await cli.json<{ name: string }[]>('ps', ...options)).map(({ name }) => name);

it('ps lists what is asked for, newest first', async () => {
  await cli.out('create', '--name', 'made', '-l', 'team=web', '-l', 'x', 'box');
  await cli.out('create', '--name', 'failed', '-l', 'team=db', '-v', 'data:/data', cli.image, 'sh', '-c', 'exit 4');
  await cli.out('start', 'failed');
  await cli.out('wait', 'failed');
  const id = await cli.sleeper('web-1', '-l', 'team=web');

  expect(await names()).toEqual(['web-1']);
  expect(await names('-a')).toEqual(['web-1', 'failed', 'made']);
  expect(await names('-n', '2')).toEqual(['web-1', 'failed']);
  expect(await names('-l')).toEqual(['web-1']);
  const filtered: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['label=team=web'], ['web-1', 'made']],
    [['label=team', 'label=x'], ['made']],
    [['name=web'], ['web-1']],
    [[`id=${id.slice(0, 6)}`], ['web-1']],
    [
      ['status=created', 'status=exited'],
      ['failed', 'made'],
    ],
    [['exited=4'], ['failed']],
    [['exited=0'], []],
    [['volume=data'], ['failed']],
    [['before=failed'], ['made']],
    [['since=failed'], ['web-1']],
    [['ancestor=box', 'name=made'], ['made']],
    [['health=none', 'status=running'], ['web-1']],
  ];
  for (const [filters, found] of filtered)
    expect([filters, await names('-a', ...filters.flatMap((one) => ['-f', one]))]).toEqual([filters, found]);
  expect(await cli.refused('ps', '-f', 'before=nobody')).toMatchObject({ status: 1, code: 'CONTAINER_NOT_FOUND' });

  const lines = (await cli.out('ps', '-a', '-s')).split('\n');
  expect(lines[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES +SIZE$/);
  expect(lines[1]).toMatch(/^[0-9a-f]{12} +box:latest +"sh -c trap \\"exit 7\\"…" +.+ ago +Up .+ +web-1 +[\d.]+ k?B$/);
  expect(lines[2]).toMatch(/ Exited \(4\) .+ ago +failed +/);
  expect(await cli.out('ps', '-q', '--no-trunc')).toBe(`${id}\n`);
  expect(await cli.json('container', 'ls')).toMatchObject([
    { id, status: 'running', pid: expect.any(Number) as number, restarts: 0 },
  ]);
  await cli.out('rm', 'failed');
  await cli.out('volume', 'rm', 'data');
});

it('inspect shows containers and images, and prefers the container', async () => {
  const id = await cli.sleeper('box', '-e', 'A=b', '-w', '/tmp');
  const [container] = await cli.json<Record<string, unknown>[]>('inspect', 'box');
  expect(container).toMatchObject({
    id,
    name: 'box',
    image: 'docker.io/library/box:latest',
    status: 'running',
    settings: { env: ['A=b'], workdir: '/tmp' },
    spec: { process: { cwd: '/tmp' } },
    mounts: [],
    removeAtExit: false,
    logPath: expect.stringContaining(`${cli.place.root}/containers/${id}/log`) as string,
  });
  expect(await cli.json('inspect', '--type', 'image', 'box')).toMatchObject([
    { name: 'docker.io/library/box:latest', manifest: {} },
  ]);
  const { status, stdout, stderr } = await cli.run('inspect', 'nobody', cli.image, id.slice(0, 12));
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject([{ name: cli.image }, { id }]);
  expect(stderr).toMatch(/^slipway: no container and no image "nobody" here\n/);
  expect(await cli.refused('inspect', '--type', 'container', cli.image)).toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
});

it('shells are offered the containers that a command is for', async () => {
  await cli.sleeper('runs');
  await cli.out('create', '--name', 'made', 'box');
  expect(await cli.out('complete-names', 'running')).toBe('runs\n');
  expect(await cli.out('complete-names', 'stopped')).toBe('made\n');
  expect(await cli.out('complete-names', 'containers', 'ru')).toBe('runs\n');
  expect(await cli.out('complete-names', 'images', 'bo')).toBe('box:latest\nbox\n');
});

interface Event {
  readonly time: string;
  readonly type: string;
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

it('events tells what other commands do, as it happens, until a signal ends it', async () => {
  const following = startCli(cli.place, ['events', '--json', '-f', 'container=web']);
  const lines = createInterface({ input: following.process.stdout ?? process.stdin })[Symbol.asyncIterator]();
  const next = async (): Promise<Event> => JSON.parse((await lines.next()).value as string) as Event;
  // It follows from when it is there: until then each container is one too early.
  const first = next();
  const ids: string[] = [];
  for (;;) {
    ids.push(await cli.sleeper('web'));
    const seen = await Promise.race([first, sleep(2000, undefined)]);
    if (seen !== undefined) break;
    await cli.out('rm', '-f', 'web');
  }
  // It may be of the one before, which was taken for too early while its event was on its way.
  expect(await first).toMatchObject({ type: 'container', id: expect.toBeOneOf(ids) });
  await cli.out('stop', 'web');
  const actions: string[] = [];
  for (let event = await first; event.action !== 'stop'; event = await next()) actions.push(event.action);
  expect(actions.slice(-2)).toEqual(['start', 'die']);
  following.process.kill('SIGINT');
  const [code] = (await once(following.process, 'exit')) as [number];
  expect(code).toBe(130);
});

it('events of the past are told with --since and --until', async () => {
  const id = await cli.sleeper('web', '-l', 'team=web');
  await cli.out('pause', 'web');
  await cli.out('unpause', 'web');
  await cli.out('kill', 'web');
  await cli.out('wait', 'web');
  await cli.out('rename', 'web', 'www');
  await cli.out('rm', 'www');
  const past = ['events', '--since', '1h', '--until', '0s', '-f', `container=${id}`];
  const lines = (await cli.out(...past)).trimEnd().split('\n');
  // The end can come before who killed has told that.
  expect(lines.map((line) => line.split(' ')[2]).toSorted()).toEqual(
    ['create', 'start', 'pause', 'unpause', 'kill', 'die', 'rename', 'destroy'].toSorted(),
  );
  expect(lines[0]).toMatch(new RegExp(`^\\S+Z container create ${id} \\(.*team=web.*\\)$`));
  expect((await cli.out(...past, '-f', 'event=die', '-f', 'event=kill')).trimEnd().split('\n')).toHaveLength(2);
  expect(await cli.out(...past, '-f', 'label=team=db')).toBe('');
  expect(await cli.out('events', '--since', '1h', '--until', '59m')).toBe('');
  const [first = ''] = (await cli.out(...past, '--json')).split('\n');
  expect(JSON.parse(first)).toEqual({
    time: expect.stringMatching(/Z$/) as string,
    type: 'container',
    action: 'create',
    id,
    attributes: { name: 'web', image: 'docker.io/library/box:latest', team: 'web' },
  });
});
