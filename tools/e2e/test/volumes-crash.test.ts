import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { runCli } from './child.ts';
import { expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { VolumePlace } from './volume-place.ts';

const at = await VolumePlace.make();
const files = Array.from({ length: 5 }, (_, index) => `f${index}`);
await at.makeImage(
  'example.com/five:latest',
  `mkdir /data && cd /data && for f in ${files.join(' ')}; do echo "$f" > $f; done; chmod 711 .`,
);
afterEach(() => at.clear());
afterAll(() => at[Symbol.asyncDispose]());

const { place, engine } = at;
const args = ['run', '--rm', '-v', 'v1:/data', 'example.com/five:latest', 'true'];

async function expectWhole(): Promise<void> {
  const shown = await at.out('cd /data; cat *; ls -A; stat -c %a .', [{ type: 'volume', volume: 'v1', target: '/data' }], {
    image: 'example.com/five:latest',
  });
  expect(shown.split('\n')).toEqual([...files, ...files, '711', '']);
}

it.each([...killedSteps.volume.map((step) => [step, 1] as const), ['volume.fill.moved', 4] as const])(
  'a command that is killed at %s, the %d. time, leaves an empty volume or a whole one, and the next brings it to its end',
  async (step, nth) => {
    const { signal } = await runCli(place, args, { kill: { step, nth, whom: ['command'] } });
    expect(signal).toBe('SIGKILL');
    await expectRecovery(place);
    // Nobody has it any more.
    const { mountpoint = '' } = await engine.volumes.inspect('v1');
    for (const name of readdirSync(mountpoint)) {
      if (!name.startsWith('.slipway-fill')) expect(readFileSync(path.join(mountpoint, name), 'utf8')).toBe(`${name}\n`);
    }
    await expectWhole();
    await engine.volumes.remove('v1');
  },
);

it('a killed command leaves no anonymous volume that a container does not have, and none in use', async () => {
  for (const step of ['volume.create.named', 'run.prepared', 'volume.mount.noted', 'run.bundled', 'run.created', 'run.started']) {
    const { signal } = await runCli(place, ['run', '--rm', '-v', '/data', 'example.com/five:latest', 'true'], {
      kill: { step, nth: 1, whom: ['command'] },
    });
    expect([step, signal]).toEqual([step, 'SIGKILL']);
    await expect.poll(() => engine.volumes.list(), { timeout: 60_000, message: step }).toEqual([]);
  }
  await expectRecovery(place);
});

it('after kill -9 of command and monitor the container still has its volume, until it is removed', async () => {
  const kill = { step: 'run.started', nth: 1, whom: ['monitor', 'command'] } as const;
  await engine.containers.create({
    image: 'example.com/five:latest',
    name: 'keeper',
    args: ['sleep', '1000'],
    mounts: [{ type: 'volume', volume: 'v1', target: '/data' }],
  });
  expect(await runCli(place, ['start', 'keeper'], { kill })).toMatchObject({ signal: 'SIGKILL' });
  expect(await engine.containers.list()).toMatchObject([{ name: 'keeper', status: 'running' }]);
  await expect(engine.volumes.remove('v1')).rejects.toMatchObject({ code: 'VOLUME_IN_USE' });
  await engine.containers.remove('keeper', { force: true });
  await engine.volumes.remove('v1');
  await expectRecovery(place);
});
