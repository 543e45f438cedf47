import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageLayout } from '@slipway/fixtures';
import type { ConfigTable, Engine } from 'slipway';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { runCli } from './child.ts';
import { until } from './living.ts';
import { leftOfMachines, machineConfig } from './machines.ts';
import { makePlace } from './place.ts';
import { makeTmpfs } from './tmpfs.ts';

const small = `oci:${imageLayout('small')}:latest`;
const place = makePlace(machineConfig());
afterAll(() => place[Symbol.dispose]());

/** Nothing of a failed machine stays; the engine that is opened last may clean up after it. */
afterEach(async () => {
  await using engine = await place.open();
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true });
  await expect.poll(() => leftOfMachines(place), { timeout: 60_000, interval: 200 }).toEqual([]);
});

const open = (machine: ConfigTable = {}): Promise<Engine> => place.open({ settings: { plugin: { 'runtime-kata': machine } } });
const script = (text: string) => ({ image: small, stack: 'kata', args: ['sh', '-c', text] });

describe('what a machine needs and does not have is told, with what to do', () => {
  it.each([
    { lacks: 'QEMU', config: { qemu: '/nowhere/qemu' }, error: { message: /\/nowhere\/qemu/ } },
    { lacks: 'the kernel', config: { kernel: '/nowhere/vmlinuz' }, error: { message: /\/nowhere\/vmlinuz/ } },
    {
      lacks: 'hardware that was required',
      config: { require_hardware: true },
      error: { kind: 'failed-precondition', code: 'HARDWARE_ISOLATION_MISSING', message: /./ },
    },
  ])('$lacks', async ({ config, error: { message, ...error } }) => {
    await using engine = await open(config);
    await expect(engine.run(script('true'))).rejects.toMatchObject({
      ...error,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
    // The other stack goes on.
    const container = await engine.run({ ...script('echo alive'), stack: undefined });
    expect((await container.output()).stdout.toString()).toBe('alive\n');
  });

  it('a guest that does not come up: the last words of its console', async () => {
    await using engine = await open({ kernel_params: ['rdinit=/nowhere'] });
    await expect(engine.run(script('true'))).rejects.toMatchObject({
      kind: 'internal',
      message: expect.stringMatching(/QEMU exited with status \d+[\s\S]*[Kk]ernel panic/),
    });
  });

  it('a snapshotter whose trees no machine takes: config check, with what fits', async () => {
    using other = makePlace(`${machineConfig()}\n[stacks.wrong]\nsnapshotter = "overlay"\nruntime = "kata"`);
    const { status, stdout } = await runCli(other, ['config', 'check']);
    expect(status).toBe(1);
    expect(stdout).toContain(
      'stack "wrong" does not fit: snapshotter "overlay" produces overlay, bind mounts, but runtime "kata" accepts layers',
    );
  });
});

describe('the first process of the guest', () => {
  const wanted = (word: string) => ({
    ...script(`mkdir /p && mount -t proc proc /p && echo up && echo ${word} >/p/sys/kernel/core_pattern; sleep 1000`),
    capAdd: ['SYS_ADMIN'],
  });

  it('is killed: the container has failed, with the last words of the console', async () => {
    await using engine = await open(withFirstProcess());
    const { exitCode, stdout, stderr } = await (await engine.run(wanted('end'))).output();
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 255, stdout: 'up\n' });
    expect(stderr.toString()).toMatch(
      /the virtual machine of "\w+" ended: QEMU exited with status \d+; console: [\s\S]*Attempted to kill init/,
    );
  });

  it('hangs: who asks for something is told, and the container can be stopped', async () => {
    await using engine = await open(withFirstProcess());
    const container = await engine.run(wanted('hold'));
    const ended = container.output();
    const error = await until('the end of answers', async () => {
      try {
        await container.pause();
        await container.unpause();
        return undefined;
      } catch (refused) {
        return refused;
      }
    });
    expect(error).toMatchObject({ message: expect.stringMatching(/the agent did not answer within \d+ ms/) });
    await container.stop({ timeoutMs: 0 });
    const { exitCode, stdout } = await ended;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 137, stdout: 'up\n' });
  });
});

/** The guest's own image, and beside the agent a program that is started before it: see its source. */
function withFirstProcess(): ConfigTable {
  const [folder = ''] = globSync(path.join(place.root, 'runtime.v1/kata/images/*/'));
  const program = path.join(place.folder, 'first-process');
  const source = fileURLToPath(import.meta.resolve('../src/first-process.c'));
  execFileSync('gcc', ['-static', '-Os', '-s', '-o', program, source]);
  const image = path.join(place.folder, 'image');
  const more = [member('first-process', readFileSync(program)), member('TRAILER!!!', Buffer.alloc(0))];
  writeFileSync(image, Buffer.concat([readFileSync(path.join(folder, 'initrd')), ...more]), { mode: 0o644 });
  return { kernel: path.join(folder, 'vmlinux'), image, kernel_params: ['rdinit=/first-process'] };
}

/** A program in an archive of cpio(5), the form that kernels unpack: as many as follow each other. */
function member(name: string, content: Buffer): Buffer {
  const fields = [1, 0o100755, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`);
  const padded = (bytes: Buffer) => [bytes, Buffer.alloc(-bytes.length & 3)];
  return Buffer.concat([...padded(head), ...padded(content)]);
}

it("the host's disk is full: the machine ends and says so, where its container would wait for ever", async () => {
  using disk = makeTmpfs('size=96m');
  using full = makePlace(machineConfig(), disk.folder);
  {
    await using engine = await full.open();
    await engine.pull(small, { stack: 'kata' });
    const options = script('dd if=/dev/zero of=/big bs=1M count=128 conv=fsync; while :; do echo more >>/more; sync; done');
    const container = await engine.run({ ...options, removeAtExit: true });
    const { exitCode, stderr } = await container.output();
    expect(exitCode).toBe(255);
    expect(stderr.toString()).toMatch(
      /the virtual machine of "\w+" ended: [\s\S]*EXT4-fs \(device \w+\): panic forced after error/,
    );
  }
  await expect.poll(() => leftOfMachines(full), { timeout: 60_000, interval: 200 }).toEqual([]);
});
