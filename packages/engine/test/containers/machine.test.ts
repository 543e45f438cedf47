import { cpSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { RuntimeState } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { commitContainer } from '../../dist/containers/commit.js';
import { copyFromContainer, statInContainer } from '../../dist/containers/copy-from.js';
import { copyToContainer } from '../../dist/containers/copy-to.js';
import { diffContainer } from '../../dist/containers/diff.js';
import { execInContainer } from '../../dist/containers/exec.js';
import { exportContainer } from '../../dist/containers/export.js';
import { startContainer } from '../../dist/containers/start.js';
import { type MachineParts, machineParts } from './machine-parts.ts';

describe('a start of a stopped container', () => {
  it('of a virtual machine mounts nothing of what its guest has written, and hands it on', async () => {
    await using bench = await machineParts({ machine: true });
    await startContainer(bench.parts, bench.id, {});
    expect(bench.created).toHaveLength(1);
    expect(bench.created[0]?.rootfs).toMatchObject([{ kind: 'layers', upper: { kind: 'block', fstype: 'ext4' } }]);
    expect(bench.asked).toEqual([]);
  });

  it('of this kernel reads what it has changed', async () => {
    await using bench = await machineParts({ machine: false });
    await expect(startContainer(bench.parts, bench.id, {})).rejects.toMatchObject({ code: 'IMAGE_FORGED' });
    expect(bench.created).toEqual([]);
  });
});

const bundleOf = ({ parts, id }: MachineParts): string => path.join(parts.settings.state, 'containers', id);

async function started(bench: MachineParts): Promise<void> {
  await startContainer(bench.parts, bench.id, {});
}

describe('exec', () => {
  it('into a virtual machine asks not what the host could start now, looks users up in the image, and leaves the program to the guest', async () => {
    await using bench = await machineParts({ machine: true });
    await started(bench);
    const options = {
      args: ['/installed/later'],
      user: 'web',
      workdir: '/made/later',
      stdout: 'ignore',
      stderr: 'ignore',
    } as const;
    await execInContainer(bench.parts, bench.id, options);
    const [request] = bench.executed;
    expect(request?.process).toMatchObject({ args: ['/installed/later'], cwd: '/made/later', user: { uid: 1000, gid: 1001 } });
    expect(bench.asked).toEqual([]);
  });

  it('that comes to nothing is not told as one, whoever knew that', async () => {
    await using bench = await machineParts({ machine: true });
    await started(bench);
    const journal = path.join(bench.parts.settings.state, 'events/journal');
    bench.status = 'stopped';
    await expect(execInContainer(bench.parts, bench.id, { args: ['sh'] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
    bench.status = 'running';
    const refused = { kind: 'not-found', code: 'COMMAND_NOT_FOUND' };
    bench.refusal = Object.assign(new Error('the guest has none'), refused);
    await expect(execInContainer(bench.parts, bench.id, { args: ['none'] })).rejects.toMatchObject(refused);
    expect(existsSync(journal) ? readFileSync(journal, 'utf8') : '').not.toContain('exec_create');
    bench.refusal = undefined;
    await execInContainer(bench.parts, bench.id, { args: ['sh'], stdout: 'ignore', stderr: 'ignore' });
    expect(readFileSync(journal, 'utf8')).toContain('exec_create');
  });

  it('into a process of this kernel asks its runtime for no features, which are three processes', async () => {
    await using bench = await machineParts({ machine: true });
    await started(bench);
    await using here = await machineParts({ machine: false });
    // As its monitor would have left it.
    cpSync(bundleOf(bench), bundleOf(here), { recursive: true });
    here.status = 'running';
    await execInContainer(here.parts, here.id, { args: ['/bin/sh'], stdout: 'ignore', stderr: 'ignore' });
    expect(here.executed).toHaveLength(1);
    expect(here.asked).toEqual([]);
    await expect(execInContainer(here.parts, here.id, { args: ['/not/there'] })).rejects.toMatchObject({
      code: 'COMMAND_NOT_FOUND',
    });
  });
});

describe('what a virtual machine has is not read beside it', () => {
  const deeds: Readonly<Record<string, (bench: MachineParts) => Promise<unknown>>> = {
    'cp from it': ({ parts, id }) => copyFromContainer(parts, id, '/etc', new PassThrough(), {}),
    'cp to it': ({ parts, id }) => copyToContainer(parts, id, '/etc', Readable.from([]), {}),
    'a look at a path': ({ parts, id }) => statInContainer(parts, id, '/etc'),
    diff: ({ parts, id }) => diffContainer(parts, id, undefined),
    export: ({ parts, id }) => exportContainer(parts, id, new PassThrough(), undefined),
    commit: ({ parts, id }) => commitContainer(parts, id, 'localhost/made:1', {}),
  };
  const statuses: readonly RuntimeState['status'][] = ['running', 'paused', 'restarting'];

  it.each(Object.keys(deeds))('%s is refused while it runs, is paused or restarts', async (name) => {
    await using bench = await machineParts({ machine: true });
    await started(bench);
    for (const status of statuses) {
      bench.status = status;
      await expect(deeds[name]?.(bench)).rejects.toMatchObject({
        kind: 'unimplemented',
        code: 'CONTAINER_ROOT_IN_MACHINE',
        message: expect.stringContaining('the files of container "web" are in a virtual machine'),
        hint: expect.stringMatching(/^stop it first/),
      });
    }
    expect(bench.asked).toEqual([]);
  });
});
