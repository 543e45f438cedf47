import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alive, expectFoldersOfRows, isUp, logOf, patient, summary, until } from './living.ts';
import { leftInPlace, namesIn } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
let engine: Engine;
beforeEach(async () => {
  engine = await place.open();
});
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true })) await engine.containers.remove(id, { force: true });
  await expectFoldersOfRows(place, engine);
  await engine[Symbol.asyncDispose]();
  // A monitor ends a moment after its container.
  await expect.poll(() => leftInPlace(place), { timeout: 60_000 }).toEqual([]);
});

describe('create', () => {
  it('makes everything but the process; start lets it run, again and again, and what it wrote stays', async () => {
    const container = await engine.containers.create({ image, name: 'web', args: ['sh', '-c', 'echo x >> /count; exit 3'] });
    expect(container.id).toMatch(/^[0-9a-f]{64}$/);
    expect(await summary(engine, 'web')).toMatchObject({ id: container.id, status: 'created', restarts: 0, image });
    expect(leftInPlace(place)).toEqual([]);
    for (let run = 1; run <= 3; run++) {
      await container.start();
      expect(await container.wait()).toMatchObject({ exitCode: 3 });
    }
    expect(await summary(engine, 'web')).toMatchObject({ status: 'exited', exitCode: 3, finishedAt: expect.any(String) });
    const changes = await engine.containers.diff('web');
    expect(changes).toContainEqual(expect.objectContaining({ path: '/count' }));
    await container.remove();
    expect(await summary(engine, 'web')).toBeUndefined();
    await expect(container.inspect()).rejects.toMatchObject({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND' });
  });

  it('refuses what could not be started, and keeps nothing', async () => {
    const bad = [
      { user: 'nobody-here' },
      { workdir: '/bin/busybox' },
      { name: '../x' },
      { restart: { name: 'sometimes' as 'always' } },
      { restart: { name: 'always' as const, maximumRetries: 3 } },
      { restart: { name: 'always' as const }, removeAtExit: true },
      { stopSignal: 'SIGNONE' },
      { stopTimeoutMs: -2 },
      { health: { intervalMs: 5 } },
      { log: { maxFiles: 0 } },
      { limits: { memory: 1 } },
    ];
    for (const options of bad)
      await expect(engine.containers.create({ image, ...options })).rejects.toMatchObject({
        kind: expect.stringMatching(/invalid-argument|not-found/),
      });
    expect(await engine.containers.list({ all: true })).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('bug: a program without types that gives no options got a TypeError', async () => {
    const refused = { kind: 'invalid-argument', code: 'CONTAINER_OPTION_INVALID' };
    const nothing = undefined as never;
    await expect(engine.run(nothing)).rejects.toMatchObject(refused);
    await expect(engine.containers.create(nothing)).rejects.toMatchObject(refused);
    const container = await engine.containers.create({ image });
    await expect(container.exec(nothing)).rejects.toMatchObject(refused);
    await expect(container.update(nothing)).rejects.toMatchObject(refused);
    await expect(container.resize(nothing)).rejects.toMatchObject(refused);
    await expect(engine.images.save([image], nothing)).rejects.toMatchObject({ code: 'SAVE_OUTPUT_INVALID' });
    await expect(engine.pull(nothing)).rejects.toMatchObject({ kind: 'invalid-argument', code: 'REFERENCE_INVALID' });
  });

  it('gives a name from the image when there is none, and one name to one container', async () => {
    const [one, two] = [await engine.containers.create({ image }), await engine.containers.create({ image })];
    expect([one.name, two.name]).toEqual([
      expect.stringMatching(/^demo-[0-9a-f]{5}$/),
      expect.stringMatching(/^demo-[0-9a-f]{5}$/),
    ]);
    await expect(engine.containers.create({ image, name: one.name })).rejects.toMatchObject({
      kind: 'already-exists',
      code: 'CONTAINER_EXISTS',
    });
    for (const text of [one.name, one.id, one.id.slice(0, 20)]) expect((await engine.containers.get(text)).id).toBe(one.id);
    await expect(engine.containers.get('nobody')).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('a container that runs on its own', () => {
  it('is stopped by its signal, else killed after the grace, and says how it ended', async () => {
    const container = await engine.run({ image, name: 'web', args: patient, detach: true });
    expect([container.stdin, container.stdout, container.stderr]).toEqual([undefined, undefined, undefined]);
    await isUp(place, container.id);
    expect(await summary(engine, 'web')).toMatchObject({ status: 'running', pid: container.pid, startedAt: expect.any(String) });
    await container.stop();
    expect(await container.wait()).toMatchObject({ exitCode: 7 });
    await container.stop();

    const deaf = await engine.run({
      image,
      args: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.02; done'],
      detach: true,
    });
    await isUp(place, deaf.id);
    await deaf.stop({ timeoutMs: 100 });
    expect(await deaf.wait()).toMatchObject({ exitCode: 137, signal: 9 });

    const other = await engine.run({
      image,
      args: ['sh', '-c', 'trap "exit 5" USR1; echo up; while :; do sleep 0.02; done'],
      stopSignal: 'USR1',
      detach: true,
    });
    await isUp(place, other.id);
    await other.stop();
    expect(await other.wait()).toMatchObject({ exitCode: 5 });
  });

  it('is not started twice, not removed while it runs, and restarted as another run', async () => {
    const container = await engine.run({ image, name: 'web', args: patient, detach: true });
    await isUp(place, container.id);
    await expect(container.start()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_RUNNING' });
    await expect(container.remove()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_RUNNING' });
    await expect(engine.images.remove(image)).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      message: expect.stringContaining('"web"'),
    });
    const { pid } = await container.inspect();
    await container.restart();
    const again = await container.inspect();
    expect(again).toMatchObject({ status: 'running' });
    expect(again.pid).not.toBe(pid);
    expect(alive(pid ?? 0)).toBe(false);
    await container.remove({ force: true });
    expect(alive(again.pid ?? 0)).toBe(false);
  });

  it('outlives the name of its image, which can be removed by force, with all that it needs', async () => {
    await engine.pull(image);
    await engine.images.tag(image, 'r.test/only:name');
    const container = await engine.containers.create({ image: 'r.test/only:name', args: ['true'] });
    await expect(engine.images.remove('r.test/only:name')).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
    expect(await engine.images.remove('r.test/only:name', { force: true })).toMatchObject({ content: [], snapshots: [] });
    await container.start();
    expect(await container.wait()).toMatchObject({ exitCode: 0 });
    await container.remove();
  });

  it('is killed by number or name, and not when it does not run', async () => {
    const container = await engine.run({ image, args: patient, detach: true });
    await isUp(place, container.id);
    await container.kill('TERM');
    expect(await container.wait()).toMatchObject({ exitCode: 7 });
    await expect(container.kill(9)).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_NOT_RUNNING' });
    await expect(container.kill('SIGNONE')).rejects.toMatchObject({ kind: 'invalid-argument' });
    await container.start();
    await container.kill();
    expect(await container.wait()).toMatchObject({ exitCode: 137, signal: 9 });
  });

  it('is paused and goes on, and a paused one is stopped too', async () => {
    const container = await engine.run({ image, name: 'web', args: patient, detach: true });
    await isUp(place, container.id);
    await container.pause();
    expect(await summary(engine, 'web')).toMatchObject({ status: 'paused' });
    await expect(container.pause()).rejects.toMatchObject({ kind: 'failed-precondition' });
    await expect(container.start()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_PAUSED' });
    await container.unpause();
    await expect(container.unpause()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_NOT_PAUSED' });
    await container.pause();
    await container.stop();
    expect(await container.wait()).toMatchObject({ exitCode: 7 });
  });

  it('that is removed when it ends is gone with all it had', async () => {
    const container = await engine.run({ image, name: 'brief', args: patient, detach: true, removeAtExit: true });
    await isUp(place, container.id);
    const removed = container.wait({ until: 'removed' });
    await container.stop();
    expect(await removed).toMatchObject({ exitCode: 7 });
    expect(await summary(engine, 'brief')).toBeUndefined();
    expect(namesIn(path.join(place.root, 'containers'))).toEqual([]);
    await expect.poll(() => leftInPlace(place), { timeout: 60_000 }).toEqual([]);

    const made = await engine.containers.create({ image, name: 'brief', args: ['sleep', '1000'], removeAtExit: true });
    await made.start();
    await expect(made.restart()).rejects.toMatchObject({ code: 'CONTAINER_REMOVED_AT_EXIT' });
    await made.stop({ timeoutMs: 0 });
    await until('its removal', async () => (await summary(engine, 'brief')) === undefined);
  });

  it('is waited for: for its exit, its next exit, its removal', async () => {
    const container = await engine.containers.create({ image, name: 'web', args: ['sh', '-c', 'sleep 0.2; exit 6'] });
    await expect(container.wait()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_NEVER_RAN' });
    const next = container.wait({ until: 'next-exit' });
    const removed = container.wait({ until: 'removed' });
    await container.start();
    expect(await next).toMatchObject({ exitCode: 6 });
    expect(await container.wait()).toMatchObject({ exitCode: 6 });
    await container.remove();
    expect(await removed).toMatchObject({ exitCode: 6 });
    const aborted = await engine.run({ image, args: ['sleep', '1000'], detach: true });
    await expect(aborted.wait({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('tells of its next exit, also when it runs again or is gone by the time that anybody looks', async () => {
    const counting = 'n=$(($(cat /n || echo 0) + 1)); echo $n >/n; exit $n';
    const made = { image, args: ['sh', '-c', counting] };
    const again = await engine.containers.create({ ...made, restart: { name: 'on-failure', maximumRetries: 2 } });
    const first = again.wait({ until: 'next-exit' });
    // Nobody looks before it has ended three times.
    await again.start();
    expect(await again.wait()).toMatchObject({ exitCode: 3 });
    expect(await first).toMatchObject({ exitCode: 1 });
    const brief = await engine.containers.create({ ...made, removeAtExit: true });
    const [next, other] = [
      brief.wait({ until: 'next-exit' }),
      (await engine.containers.get(brief.id)).wait({ until: 'next-exit' }),
    ];
    await brief.start();
    await until('its removal', async () => (await summary(engine, brief.id)) === undefined);
    expect(await Promise.all([next, other])).toEqual([
      expect.objectContaining({ exitCode: 1 }),
      expect.objectContaining({ exitCode: 1 }),
    ]);
    const never = await engine.containers.create(made);
    const gone = never.wait({ until: 'next-exit' });
    gone.catch(() => undefined);
    await never.remove();
    await expect(gone).rejects.toMatchObject({ kind: 'data-loss', code: 'EXIT_UNKNOWN' });
  });

  it('is restarted by its policy, so often, and not after it was stopped', async () => {
    const failing = await engine.run({
      image,
      args: ['sh', '-c', 'echo again; exit 1'],
      detach: true,
      restart: { name: 'on-failure', maximumRetries: 2 },
    });
    expect(await failing.wait()).toMatchObject({ exitCode: 1 });
    expect(await failing.inspect()).toMatchObject({ status: 'exited', restarts: 2 });
    expect(logOf(place, failing.id)).toBe('again\nagain\nagain\n');
    const always = await engine.run({ image, args: ['true'], detach: true, restart: { name: 'always' } });
    await until('a restart', async () => (await always.inspect()).restarts > 1);
    await always.stop({ timeoutMs: 0 });
    expect(await always.inspect()).toMatchObject({ status: 'exited' });
  });

  it('is probed, and says how well it is', async () => {
    const health = { command: ['test', '-e', '/well'], intervalMs: 50, retries: 1 };
    const container = await engine.run({ image, args: ['sh', '-c', 'sleep 0.3; touch /well; sleep 1000'], detach: true, health });
    await until('illness', async () => (await container.inspect()).health?.status === 'unhealthy');
    await until('health', async () => (await container.inspect()).health?.status === 'healthy');
    expect(await engine.containers.list({ filters: { health: ['healthy'] } })).toHaveLength(1);
  });
});

describe('several', () => {
  it('are listed, newest first, by what is asked for', async () => {
    const labels = { tier: 'web', zone: 'a' };
    const one = await engine.containers.create({ image, name: 'one', labels });
    const two = await engine.run({ image: small, name: 'two', args: ['sleep', '1000'], labels: { tier: 'db' }, detach: true });
    const three = await engine.run({ image, name: 'three', args: ['sh', '-c', 'exit 9'], detach: true });
    await three.wait();
    const names = async (options: Parameters<typeof engine.containers.list>[0]): Promise<string[]> =>
      (await engine.containers.list(options)).map(({ name }) => name);
    expect(await names({})).toEqual(['two']);
    expect(await names({ all: true })).toEqual(['three', 'two', 'one']);
    expect(await names({ all: true, filters: { label: ['tier'] } })).toEqual(['two', 'one']);
    expect(await names({ all: true, filters: { label: ['tier=web', 'zone=a'] } })).toEqual(['one']);
    expect(await names({ all: true, filters: { name: ['o'], status: ['created', 'running'] } })).toEqual(['two', 'one']);
    expect(await names({ filters: { exited: [9] } })).toEqual(['three']);
    expect(await names({ all: true, filters: { ancestor: [image] } })).toEqual(['three', 'one']);
    expect(await names({ all: true, filters: { id: [two.id.slice(0, 8)] } })).toEqual(['two']);
    expect(await names({ all: true, filters: { since: 'one' } })).toEqual(['three', 'two']);
    expect(await names({ all: true, filters: { before: three.id } })).toEqual(['two', 'one']);
    await one.rename('first');
    expect((await engine.containers.get('first')).id).toBe(one.id);
    await expect(two.rename('first')).rejects.toMatchObject({ kind: 'already-exists' });
    await expect(engine.containers.get('one')).rejects.toMatchObject({ kind: 'not-found' });

    const { containers } = await engine.system.diskUsage();
    expect(containers).toMatchObject({ count: 3, active: 1 });
    expect(await engine.containers.prune({ labels: ['tier'], dryRun: true })).toMatchObject({ containers: [one.id] });
    expect((await engine.containers.prune()).containers.toSorted()).toEqual([one.id, three.id].toSorted());
    expect(await names({ all: true })).toEqual(['two']);
  });

  it('of which those that are to run after a boot are started, and one that cannot be keeps no other', async () => {
    const restart = { name: 'unless-stopped' } as const;
    const made = { image, args: ['sleep', '1000'] };
    const broken = await engine.containers.create({ image, name: 'broken', args: ['/not/there'], restart: { name: 'always' } });
    const always = await engine.containers.create({ ...made, name: 'always', restart: { name: 'always' } });
    const unlessStopped = await engine.run({ ...made, name: 'unless-stopped', restart, detach: true });
    const stopped = await engine.run({ ...made, name: 'stopped', restart, detach: true });
    await engine.containers.create({ ...made, name: 'no' });
    await stopped.stop({ timeoutMs: 0 });
    const { pid, id } = await unlessStopped.inspect();
    const restarted = await engine.containers.restartAfterBoot();
    expect(restarted).toEqual([
      { id: broken.id, name: 'broken', error: expect.objectContaining({ code: 'COMMAND_NOT_FOUND' }) },
      { id: always.id, name: 'always' },
    ]);
    expect(await summary(engine, id)).toMatchObject({ status: 'running', pid });
    expect(await summary(engine, 'stopped')).toMatchObject({ status: 'exited' });
  });
});

describe('run', () => {
  it('attached, goes when it ends; kept, stays with what it wrote, to be committed', async () => {
    const gone = await engine.run({ image, args: ['echo', 'hello'] });
    expect(await gone.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('hello\n') });
    expect(await engine.containers.list({ all: true })).toEqual([]);
    const kept = await engine.run({
      image,
      name: 'kept',
      args: ['sh', '-c', 'echo made > /made; echo out; echo err >&2; exit 2'],
      env: ['A=1'],
      workdir: '/tmp',
      labels: { b: 'c' },
      removeAtExit: false,
      dieWithParent: false,
    });
    expect(await kept.output()).toMatchObject({ exitCode: 2, stdout: Buffer.from('out\n'), stderr: Buffer.from('err\n') });
    expect(await summary(engine, 'kept')).toMatchObject({ status: 'exited', exitCode: 2 });
    expect(leftInPlace(place)).toEqual([]);
    expect(logOf(place, kept.id).split('\n').toSorted()).toEqual(['', 'err', 'out']);
    await engine.containers.commit('kept', 'made:1', { changes: ['CMD ["cat", "/made"]'] });
    const { config } = await engine.images.inspect('made:1');
    expect(config.config).toMatchObject({ WorkingDir: '/tmp', Labels: { b: 'c' }, Cmd: ['cat', '/made'] });
    expect(config.config?.Env).toContain('A=1');
    expect(await (await engine.run({ image: 'made:1' })).output()).toMatchObject({ stdout: Buffer.from('made\n') });
  });

  it('leaves nothing when its program is not there, and its name is free', async () => {
    for (const removeAtExit of [true, false])
      await expect(engine.run({ image, name: 'web', args: ['/not/there'], removeAtExit })).rejects.toMatchObject({
        code: 'COMMAND_NOT_FOUND',
      });
    expect(await engine.containers.list({ all: true })).toEqual([]);
  });

  it('can be detached from, and goes on; not when it dies with its parent', async () => {
    const dying = await engine.run({ image, args: ['sleep', '1000'] });
    await expect(dying.detach()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTAINER_DIES_WITH_PARENT' });
    await dying[Symbol.asyncDispose]();
    await expect(engine.run({ image, detach: true, dieWithParent: true })).rejects.toMatchObject({
      code: 'CONTAINER_OPTIONS_CONFLICT',
    });

    const container = await engine.run({ image, name: 'left', args: patient, removeAtExit: false, dieWithParent: false });
    for await (const chunk of container.stdout ?? []) if (String(chunk).includes('up')) break;
    await container.detach();
    await container[Symbol.asyncDispose]();
    expect(container.stdout).toBeUndefined();
    expect(await summary(engine, 'left')).toMatchObject({ status: 'running', pid: container.pid });
    await container.stop();
    expect(await container.wait()).toMatchObject({ exitCode: 7 });
  });

  it('outlives the engine when it is detached, and ends with it when not', async () => {
    let [left, ended] = [0, 0];
    {
      await using other = await place.open();
      left = (await other.run({ image, name: 'left', args: ['sleep', '1000'], detach: true })).pid;
      ended = (await other.run({ image, name: 'ended', args: ['sleep', '1000'], removeAtExit: false })).pid;
    }
    expect([alive(left), alive(ended)]).toEqual([true, false]);
    expect(await summary(engine, 'left')).toMatchObject({ status: 'running' });
    expect(await summary(engine, 'ended')).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  it('has a stdin that others can write to', async () => {
    const container = await engine.run({ image, args: ['cat'], stdin: 'pipe', openStdin: true });
    container.stdin?.end('through\n');
    expect(await container.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('through\n') });
  });
});

it('events tell of what was executed in a container, how it ended, and who attached', async () => {
  const since = new Date();
  const container = await engine.run({ image, name: 'entered', args: patient, detach: true });
  await isUp(place, container.id);
  expect(await (await container.exec({ args: ['sh', '-c', 'exit 3'] })).wait()).toMatchObject({ exitCode: 3 });
  await (await container.exec({ args: ['true'], detach: true })).wait();
  await (await container.attach())[Symbol.asyncDispose]();
  await container.remove({ force: true });
  const told: (readonly string[])[] = [];
  const filters = { container: ['entered'], action: ['exec_create', 'exec_start', 'exec_die', 'attach'] };
  for await (const { action, attributes } of engine.containers.events({ since, until: new Date(), filters }))
    told.push([action, ...[attributes['command'], attributes['exitCode']].filter((value) => value !== undefined)]);
  expect(told).toEqual([
    ['exec_create', 'sh -c exit 3'],
    ['exec_start', 'sh -c exit 3'],
    ['exec_die', 'sh -c exit 3', '3'],
    ['exec_create', 'true'],
    ['exec_start', 'true'],
    ['attach'],
  ]);
});

it('events tell of each what happened to it, by whomever, with its name, image and labels', async () => {
  const since = new Date();
  const following = new AbortController();
  const followed: string[] = [];
  const reading = (async () => {
    for await (const { action } of engine.containers.events({ signal: following.signal, filters: { container: ['told'] } }))
      followed.push(action);
  })();
  await sleep(200);
  const container = await engine.run({ image, name: 'told', args: patient, labels: { a: 'b' }, detach: true });
  await isUp(place, container.id);
  await container.pause();
  await container.unpause();
  await container.restart();
  await isUp(place, container.id);
  await container.kill('TERM');
  await container.wait();
  await container.rename('else');
  await container.remove();
  await engine.images.tag(image, 'again:1');
  await engine.images.remove('again:1');
  const expected = ['create', 'start', 'pause', 'unpause', 'die', 'start', 'restart', 'kill', 'die'];
  const told: [string, string][] = [];
  for await (const { type, action, id, attributes } of engine.containers.events({ since, until: new Date(Date.now() + 1) })) {
    told.push([type, action]);
    if (type !== 'container') continue;
    expect(id).toBe(container.id);
    expect(attributes).toMatchObject({ image, a: 'b', name: expect.stringMatching(/told|else/) });
  }
  // Of the monitor and of who asked, who is first is not said.
  const actions = told.flatMap(([type, action]) => (type === 'container' ? action : []));
  expect(actions.toSorted()).toEqual([...expected, 'rename', 'destroy'].toSorted());
  expect([actions[0], actions.at(-1)]).toEqual(['create', 'destroy']);
  expect(told.filter(([type]) => type === 'image').map(([, action]) => action)).toEqual(['tag', 'delete']);
  await until('all events', async () => followed.length === expected.length);
  following.abort();
  await expect(reading).rejects.toMatchObject({ kind: 'canceled' });
  expect(new Set(followed)).toEqual(new Set(expected));
});
