import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageLayout } from '@slipway/fixtures';
import type { ConfigTable, Engine } from 'slipway';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { runCli } from './child.ts';
import { leftOfMachines, machineConfig, processOfMachine } from './machines.ts';
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

/** How a container ends, and its last words. */
async function ended(engine: Engine, text: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await (await engine.run(script(text))).output();
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

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

  it('an initrd that is none', async () => {
    const image = path.join(place.folder, 'garbage');
    writeFileSync(image, Buffer.alloc(100_000, 'garbage'));
    await using engine = await open({ image });
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

describe('what ends a machine ends its container, with why', () => {
  it.each(['runtime.create.created', 'run.created', 'runtime.start.started', 'run.started'])(
    'QEMU is killed at %s',
    async (step) => {
      let killed = false;
      const kill = (message: unknown): void => {
        const { name, details } = message as { name: string; details: Readonly<Record<string, unknown>> };
        if (name !== step || killed) return;
        killed = true;
        process.kill(processOfMachine(place, String(details['id']), 'qemu'), 'SIGKILL');
      };
      subscribe('slipway:step', kill);
      try {
        await using engine = await open();
        const outcome = await ended(engine, 'sleep 1000').catch((error: unknown) => error);
        expect(killed).toBe(true);
        // Between creation and start its end may be seen before anybody asks for the start.
        const early = /QEMU was killed by signal 9|its first process ended before it was started/;
        if (outcome instanceof Error) expect(outcome.message).toMatch(early);
        else expect(outcome).toMatchObject({ code: 255, stderr: expect.stringContaining('QEMU was killed by signal 9') });
      } finally {
        unsubscribe('slipway:step', kill);
      }
    },
  );

  it('its kernel panics, its owner on the host is killed, its process on the host is killed', async () => {
    await using engine = await open();
    const panicking = engine.run({
      ...script('mkdir /p && mount -t proc proc /p && echo c > /p/sysrq-trigger; sleep 1000'),
      capAdd: ['SYS_ADMIN'],
    });
    const [panics, orphan, cut] = await Promise.all([
      panicking,
      engine.run(script('sleep 1000')),
      engine.run(script('sleep 1000')),
    ]);
    process.kill(processOfMachine(place, orphan.id, 'vm'), 'SIGKILL');
    process.kill((await cut.inspect()).pid ?? 0, 'SIGKILL');
    const [of, ofOrphan, ofCut] = await Promise.all([panics.output(), orphan.output(), cut.output()]);
    expect(of.exitCode).toBe(255);
    expect(of.stderr.toString()).toMatch(/the virtual machine of "\w+" ended: [\s\S]*sysrq/i);
    expect(ofOrphan.exitCode).toBe(255);
    expect(ofCut.exitCode).toBe(137);
  });
});

describe('a disk that is full', () => {
  it('of the container: it is told as any program is, and goes on', async () => {
    await using engine = await place.open({ settings: { plugin: { 'snapshot-kata': { upper_size: 64 } } } });
    const { code, stderr } = await ended(
      engine,
      'dd if=/dev/zero of=/big bs=1M count=96; echo $? >&2; rm /big; echo kept >/small && exit 5',
    );
    expect(code).toBe(5);
    expect(stderr).toMatch(/No space left on device[\s\S]*^1$/m);
  });

  it("of the host: the container's writes fail, and nothing hangs or stays", async () => {
    using disk = makeTmpfs('size=96m');
    using full = makePlace(machineConfig(), disk.folder);
    {
      await using engine = await full.open();
      await engine.pull(small, { stack: 'kata' });
      const options = script('dd if=/dev/urandom of=/big bs=1M count=128 conv=fsync; echo $? >&2; exit 6');
      const container = await engine.run({ ...options, removeAtExit: true });
      const { exitCode, stderr } = await container.output();
      expect(exitCode).toBe(6);
      expect(stderr.toString()).toMatch(/Input\/output error[\s\S]*^1$/m);
    }
    await expect.poll(() => leftOfMachines(full), { timeout: 60_000, interval: 200 }).toEqual([]);
  });
});

it('machines and plain containers run side by side in one process, with terminals', async () => {
  await using engine = await open();
  const run = async (stack: string | undefined) => {
    await using container = await engine.run({
      ...script(
        'stty size; stty raw -echo; echo ready; head -c 4 | od -An -tx1; until stty size | grep 132; do sleep 0.1; done; test -t 1; echo $?',
      ),
      stack,
      terminal: { columns: 91, rows: 31 },
      stdin: 'pipe',
    });
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
  const [plain, machine] = await Promise.all([run(undefined), run('kata')]);
  expect(machine).toEqual(plain);
  expect(plain).toEqual({ exitCode: 0, seen: '31 91\r\nready\n 03 04 61 0d\n50 132\n0\n' });
});
