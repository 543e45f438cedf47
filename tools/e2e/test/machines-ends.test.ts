import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageLayout } from '@slipway/fixtures';
import type { RunningContainer } from 'slipway';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { until } from './living.ts';
import { cloningPlace, leftOfMachines, processOfMachine } from './machines.ts';

const image = `oci:${imageLayout('small')}:latest`;
const place = await cloningPlace(image);
const engine = await place.open();
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});
/** Nothing of a machine stays, however it ended, when its container is removed. */
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true });
  await expect.poll(() => leftOfMachines(place), { timeout: 60_000, interval: 200 }).toEqual([]);
});

const killQemu = (id: string): boolean => process.kill(processOfMachine(place, id, 'qemu'), 'SIGKILL');
const killed = 'QEMU was killed by signal 9; console: ';
/** A container that has failed, and says why. */
const lost = { exitCode: 255, stderr: expect.stringMatching(new RegExp(`the virtual machine of "\\w+" ended: ${killed}`)) };
const gone = { message: expect.stringMatching(/is not running|does not run|the virtual machine has gone/) };
const notRunning = { kind: 'failed-precondition', code: 'CONTAINER_NOT_RUNNING' };

/** Kills QEMU of the first container that a step of this name is announced of. */
function killAt(step: string): Disposable & { isDone: boolean } {
  const kill = (message: unknown): void => {
    const { name, details } = message as { name: string; details: Readonly<Record<string, unknown>> };
    if (name === step && !killer.isDone) killer.isDone = killQemu(String(details['id']));
  };
  const killer = { isDone: false, [Symbol.dispose]: () => void unsubscribe('slipway:step', kill) };
  subscribe('slipway:step', kill);
  return killer;
}

function run(text: string): Promise<RunningContainer> {
  return engine.run({ image, stack: 'kata', args: ['sh', '-c', text] });
}

interface End {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function end(ended: Pick<RunningContainer, 'output'>): Promise<End> {
  const { exitCode, stdout, stderr } = await ended.output();
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe('QEMU is killed', () => {
  it.each(['runtime.create.created', 'run.created'])('at %s: the start is refused, with why', async (step) => {
    using killer = killAt(step);
    // Its end may be known before anybody asks for the start.
    const message = new RegExp(`${killed}|its first process ended before it was started`);
    await expect(run('sleep 1000')).rejects.toMatchObject({ message: expect.stringMatching(message) });
    expect(killer.isDone).toBe(true);
  });

  it.each(['runtime.start.started', 'run.started'])('at %s: the container has failed', async (step) => {
    using killer = killAt(step);
    expect(await end(await run('sleep 1000'))).toMatchObject(lost);
    expect(killer.isDone).toBe(true);
  });

  it.each([
    { step: 'runtime.exec.begun', outcome: notRunning },
    { step: 'runtime.exec.started', outcome: lost },
    { step: 'runtime.exec.exited', outcome: { exitCode: 0, stdout: 'said\n', stderr: '' } },
  ])('at $step: so is told of the other program, and the container has failed', async ({ step, outcome }) => {
    const container = await run('sleep 1000');
    using killer = killAt(step);
    const other = container.exec({ args: ['sh', '-c', 'echo said; sleep 0.2'] });
    expect(await other.then(end, (error: unknown) => error)).toMatchObject(outcome);
    expect(killer.isDone).toBe(true);
    expect(await end(container)).toMatchObject(lost);
  });

  it('before it is paused', async () => {
    const container = await run('sleep 1000');
    killQemu(container.id);
    await expect(container.pause()).rejects.toMatchObject(gone);
    expect(await end(container)).toMatchObject(lost);
  });

  it('while it is paused', async () => {
    const container = await run('sleep 1000');
    await container.pause();
    killQemu(container.id);
    await expect(container.unpause()).rejects.toMatchObject(gone);
    expect(await end(container)).toMatchObject(lost);
  });

  it('while it is stopped', async () => {
    const container = await run('trap "echo asked" TERM; echo up; while :; do sleep 0.05; done');
    let said = '';
    container.stdout?.on('data', (part: Buffer) => {
      said += part.toString();
    });
    await until('its start', async () => said === 'up\n');
    const stopped = container.stop({ timeoutMs: 60_000 });
    await until('the signal', async () => said === 'up\nasked\n');
    killQemu(container.id);
    await stopped;
    expect(await end(container)).toMatchObject(lost);
  });

  it.each(['runtime.exited', 'run.exited'])('at %s, when its program has ended: what that ended with is told', async (step) => {
    using killer = killAt(step);
    expect(await end(await run('echo out; exit 3'))).toEqual({ exitCode: 3, stdout: 'out\n', stderr: '' });
    expect(killer.isDone).toBe(true);
  });

  it('while it is removed', async () => {
    const container = await run('sleep 1000');
    const ended = end(container);
    const removed = container.remove({ force: true });
    killQemu(container.id);
    await Promise.all([removed, ended]);
    await expect(container.inspect()).rejects.toMatchObject({ kind: 'not-found' });
  });
});

it('the kernel panics, its owner on the host is killed, its process on the host is killed', async () => {
  const panicking = engine.run({
    image,
    stack: 'kata',
    args: ['sh', '-c', 'mkdir /p && mount -t proc proc /p && echo c > /p/sysrq-trigger; sleep 1000'],
    capAdd: ['SYS_ADMIN'],
  });
  const [panics, orphan, cut] = await Promise.all([panicking, run('sleep 1000'), run('sleep 1000')]);
  process.kill(processOfMachine(place, orphan.id, 'vm'), 'SIGKILL');
  process.kill((await cut.inspect()).pid ?? 0, 'SIGKILL');
  const [of, ofOrphan, ofCut] = await Promise.all([panics, orphan, cut].map(end));
  expect(of?.exitCode).toBe(255);
  expect(of?.stderr).toMatch(/the virtual machine of "\w+" ended: [\s\S]*sysrq/i);
  expect(ofOrphan?.exitCode).toBe(255);
  expect(ofCut?.exitCode).toBe(137);
});

it('its disk is full: it is told as any program is, and goes on', async () => {
  await using small = await place.open({ settings: { plugin: { 'snapshot-kata': { upper_size: 64 } } } });
  const text = 'dd if=/dev/zero of=/big bs=1M count=96; echo $? >&2; rm /big; echo kept >/small && exit 5';
  const { exitCode, stderr } = await end(await small.run({ image, stack: 'kata', args: ['sh', '-c', text] }));
  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/No space left on device[\s\S]*^1$/m);
});

it('machines and plain containers run side by side in one process, with terminals', async () => {
  const text =
    'stty size; stty raw -echo; echo ready; head -c 4 | od -An -tx1; until stty size | grep 132; do sleep 0.1; done; test -t 1; echo $?';
  const ofStack = async (stack: string | undefined) => {
    const args = ['sh', '-c', text];
    await using container = await engine.run({ image, stack, args, terminal: { columns: 91, rows: 31 }, stdin: 'pipe' });
    const { stdout, stdin } = container;
    let seen = '';
    stdout?.on('data', (part: Buffer) => {
      seen += part.toString();
    });
    while (!seen.includes('ready')) await sleep(50);
    await container.resize({ columns: 132, rows: 50 });
    stdin?.write('\x03\x04a\r');
    const { exitCode } = await container.wait();
    while (!seen.endsWith('0\n')) await sleep(50);
    return { exitCode, seen };
  };
  const [plain, machine] = await Promise.all([ofStack(undefined), ofStack('kata')]);
  expect(machine).toEqual(plain);
  expect(plain).toEqual({ exitCode: 0, seen: '31 91\r\nready\n 03 04 61 0d\n50 132\n0\n' });
});

it('16 machines at once run, let others in, and end as they want', async () => {
  const numbers = Array.from({ length: 16 }, (_, index) => index);
  const patient = (number: number) => `trap "exit ${number}" TERM; echo ${number} >/own; echo up; sleep 1000 & wait`;
  const containers = await Promise.all(numbers.map((number) => run(patient(number))));
  expect(new Set(containers.map(({ id }) => userOf(id))).size).toBe(16);
  const said = containers.map(
    async (container) =>
      (await end(await container.exec({ args: ['sh', '-c', 'cat /own; ls /sys/class/net; ip route'] }))).stdout,
  );
  // They have no network, and so nothing but a loopback.
  expect(await Promise.all(said)).toEqual(numbers.map((number) => `${number}\nlo\n`));
  const stopped = containers.map(async (container) => {
    await container.stop({ timeoutMs: 100_000 });
    return await end(container);
  });
  expect(await Promise.all(stopped)).toEqual(numbers.map((exitCode) => ({ exitCode, stdout: 'up\n', stderr: '' })));
}, 300_000);

/** Whom its QEMU runs as. */
function userOf(id: string): string | undefined {
  return /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${processOfMachine(place, id, 'qemu')}/status`, 'utf8'))?.[1];
}
