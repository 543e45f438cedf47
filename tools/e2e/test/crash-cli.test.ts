import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepKill } from '../src/request.ts';
import { type Ended, runCli } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { leftInPlace, makePlace } from './place.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

const place = makePlace();
afterAll(() => place[Symbol.dispose]());
const id = path.basename(place.folder);

function killed(step: string, whom: StepKill['whom'], args: readonly string[]): Promise<Ended> {
  return runCli(place, args, { kill: { step, nth: 1, whom } });
}

// That the library comes through at every step is shown beside; this is that the command adds nothing which stays.
describe('kill -9 of the slipway command', () => {
  it.each(['pull.resolved', 'content.commit.renamed', 'unpack.applied', 'pull.recorded'])('that pulls, at %s', async (step) => {
    using fresh = makePlace();
    const ended = await runCli(fresh, ['pull', image], { kill: { step, nth: 1, whom: ['command'] } });
    expect(ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await runCli(fresh, ['images', '--quiet'])).toMatchObject({ status: 0, stderr: '' });
    await expectRecovery(fresh);
    await expectPullAndRun(fresh, image, 'demo');
  });

  it.each(['runtime.monitor.started', 'runtime.create.created', 'run.started'])('that runs, at %s', async (step) => {
    for (const whom of [['command'], ['monitor', 'command']] as const) {
      expect(
        await killed(step, whom, ['run', '--rm', '--die-with-parent', '--name', id, image, 'sleep', '100000']),
      ).toMatchObject({ signal: 'SIGKILL' });
      expect(await runCli(place, ['images', '--quiet'])).toMatchObject({ status: 0, stderr: '' });
      await expectRecovery(place);
    }
    expect(await runCli(place, ['run', '--rm', '--die-with-parent', '--name', id, image, 'echo', 'again'])).toMatchObject({
      status: 0,
      stdout: 'again\n',
    });
    expect(leftInPlace(place)).toEqual([]);
  });

  it('by the monitor alone: the command says so with 125 and leaves nothing', async () => {
    const { status, stderr } = await killed(
      'run.started',
      ['monitor'],
      ['run', '--rm', '--die-with-parent', '--name', id, image, 'sleep', '100000'],
    );
    expect(status).toBe(125);
    expect(stderr).toContain('monitor');
    expect(leftInPlace(place)).toEqual([]);
  });
});
