import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, expect, it } from 'vitest';
import { cliEnvironment, launcher } from './child.ts';
import { CliPlace } from './cli-place.ts';
import { leftInProcesses } from './machine.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

/** Every process of the place is killed, the state folder is gone; what is mounted was in namespaces of theirs. */
async function powerFailure(): Promise<void> {
  const { folder, root, state } = cli.place;
  await expect
    .poll(
      () => {
        const left = leftInProcesses([folder, root]);
        for (const line of left) kill(Number(/^process (\d+) /.exec(line)?.[1]));
        return left;
      },
      { timeout: 60_000, interval: 50 },
    )
    .toEqual([]);
  rmSync(state, { recursive: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has gone with another.
  }
}

/** After a boot, as the kernel tells of it. */
async function afterBoot(...args: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const bootId = path.join(cli.place.folder, 'boot_id');
  writeFileSync(bootId, '11111111-2222-3333-4444-555555555555\n');
  const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id; exec "$@"';
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, bootId, launcher, ...args], {
    env: cliEnvironment(cli.place),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const status = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}

it('restart --boot starts what a policy wants after a power failure, and nothing else', async () => {
  const make = (name: string, ...options: readonly string[]): Promise<string> => cli.sleeper(name, ...options);
  await make('always', '--restart', 'always');
  await make('unless', '--restart', 'unless-stopped');
  await make('stopped-always', '--restart', 'always');
  await make('stopped-unless', '--restart', 'unless-stopped');
  await make('on-failure', '--restart', 'on-failure');
  await make('none');
  await make('fleeting', '--rm');
  await cli.out('stop', 'stopped-always', 'stopped-unless');
  await powerFailure();

  const listed = await afterBoot('ps', '-a', '--json');
  expect(listed).toMatchObject({ status: 0, stderr: '' });
  const states = (JSON.parse(listed.stdout) as { name: string; status: string }[]).map(({ name, status }) => [name, status]);
  expect(Object.fromEntries(states)).toEqual({
    always: 'exited',
    unless: 'exited',
    'stopped-always': 'exited',
    'stopped-unless': 'exited',
    'on-failure': 'exited',
    none: 'exited',
  });

  expect(await afterBoot('restart', '--boot')).toEqual({ status: 0, stdout: 'always\nunless\nstopped-always\n', stderr: '' });
  const running = JSON.parse((await afterBoot('ps', '--json')).stdout) as { name: string }[];
  expect(running.map(({ name }) => name)).toEqual(['stopped-always', 'unless', 'always']);
  // Once more: they run.
  expect(await afterBoot('restart', '--boot', '--json')).toEqual({ status: 0, stdout: '[]\n', stderr: '' });
  await afterBoot('rm', '-f', ...states.map(([name = '']) => name));
}, 600_000);

it('restart --boot tells what cannot be started, and starts the others', async () => {
  const data = path.join(cli.place.folder, 'data');
  mkdirSync(data);
  await cli.sleeper('broken', '--restart', 'always', '--mount', `type=bind,source=${data},target=/data`);
  await cli.sleeper('fine', '--restart', 'always');
  await powerFailure();
  rmSync(data, { recursive: true });
  const { status, stdout, stderr } = await afterBoot('restart', '--boot', '--json');
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject([{ name: 'broken', error: { kind: 'failed-precondition' } }, { name: 'fine' }]);
  expect(stderr).toContain(data);
  expect(JSON.parse((await afterBoot('ps', '--json')).stdout)).toMatchObject([{ name: 'fine' }]);
  await afterBoot('rm', '-f', 'broken', 'fine');
}, 600_000);
