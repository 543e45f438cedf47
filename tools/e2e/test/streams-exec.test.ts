import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageLayout } from '@slipway/fixtures';
import type { Container, Engine } from 'slipway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftInPlace, makePlace } from './place.ts';

const small = `oci:${imageLayout('small')}:latest`;
const place = makePlace();
let engine: Engine;
let container: Container;

beforeAll(async () => {
  engine = await place.open();
  container = await engine.run({
    image: small,
    args: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
    env: ['OF=container'],
    workdir: '/tmp',
    detach: true,
    name: 'subject',
  });
});

afterAll(async () => {
  await container.remove({ force: true });
  await engine[Symbol.asyncDispose]();
  expect(leftInPlace(place)).toEqual([]);
  place[Symbol.dispose]();
});

const output = async (...args: string[]): Promise<string> => {
  await using exec = await container.exec({ args });
  const { stdout, exitCode } = await exec.output();
  expect(exitCode).toBe(0);
  return stdout.toString();
};

describe('exec', () => {
  it('has the environment, the folder, the user and the capabilities of the container', async () => {
    expect(await output('sh', '-c', 'echo $OF $HOME; pwd; id -u')).toBe('container /root\n/tmp\n0\n');
    const own = await output('grep', '-h', 'Cap', '/proc/1/status');
    expect(await output('grep', '-h', 'Cap', '/proc/self/status')).toBe(own);
    expect(await output('grep', '-h', 'Seccomp:', '/proc/self/status')).toBe('Seccomp:\t2\n');
  });

  it('takes its own of each', async () => {
    await using exec = await container.exec({
      args: ['sh', '-c', 'echo $OF $NEW; pwd; id -u; id -g; grep CapEff /proc/self/status'],
      env: ['OF=exec', 'NEW=1'],
      workdir: '/',
      user: '1234:5678',
    });
    expect((await exec.output()).stdout.toString()).toBe('exec 1\n/\n1234\n5678\nCapEff:\t0000000000000000\n');
  });

  it('privileged has more capabilities', async () => {
    await using exec = await container.exec({ args: ['grep', 'CapEff', '/proc/self/status'], privileged: true });
    const [, all = ''] = /CapEff:\t([0-9a-f]+)/.exec((await exec.output()).stdout.toString()) ?? [];
    const [, own = ''] = /CapEff:\t([0-9a-f]+)/.exec(await output('grep', 'CapEff', '/proc/self/status')) ?? [];
    expect(BigInt(`0x${all}`) > BigInt(`0x${own}`)).toBe(true);
  });

  it('looks users up as the container has them now', async () => {
    await output('sh', '-c', 'echo late:x:4321:4322::/late:/bin/sh >> /etc/passwd');
    await using exec = await container.exec({ args: ['sh', '-c', 'id -u; id -g; echo $HOME'], user: 'late' });
    expect((await exec.output()).stdout.toString()).toBe('4321\n4322\n/late\n');
    await expect(container.exec({ args: ['true'], user: 'nobody-at-all' })).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
  });

  it('a passwd that is swapped for a device, a FIFO or a link to the host is no way to anything', async () => {
    const swaps = [
      'mkfifo /etc/passwd',
      'mknod /etc/passwd c 1 5',
      'ln -s /proc/1/root/../../etc/passwd /etc/passwd',
      'ln -s /etc /etc/passwd',
    ];
    for (const swap of swaps) {
      const script = `cp /etc/passwd /etc/kept; rm /etc/passwd; ${swap}; echo ready; read x; rm -f /etc/passwd; mv /etc/kept /etc/passwd`;
      await using swapping = await container.exec({ args: ['sh', '-c', script], stdin: 'pipe' });
      await new Promise((resolve) => swapping.stdout?.once('data', resolve));
      for (const user of ['daemon-of-the-host', undefined])
        await container.exec({ args: ['true'], user }).then(
          () => expect([swap, user]).toEqual([expect.stringContaining('ln -s /proc'), undefined]),
          (error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/USER_NOT_FOUND|ROOT_FILE_INVALID/) }),
        );
      swapping.stdin?.end('x\n');
      expect(await swapping.wait()).toMatchObject({ exitCode: 0 });
    }
  });

  it('a command that is not there, or is none, and what else cannot be', async () => {
    await expect(container.exec({ args: ['no-such'] })).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' });
    await expect(container.exec({ args: ['/etc'] })).rejects.toMatchObject({ code: 'COMMAND_NOT_EXECUTABLE' });
    await expect(container.exec({ args: [] })).rejects.toMatchObject({ kind: 'invalid-argument' });
    await expect(container.exec({ args: ['true'], workdir: '/no/such' })).rejects.toMatchObject({ kind: 'invalid-argument' });
  });

  it('exit codes and signals are exact, streams are apart and byte-exact', async () => {
    await using exec = await container.exec({ args: ['sh', '-c', 'printf "a\\000b"; printf "c\\377d" >&2; exit 41'] });
    const { stdout, stderr, exitCode } = await exec.output();
    expect([stdout.toString('latin1'), stderr.toString('latin1'), exitCode]).toEqual(['a\0b', 'c\xffd', 41]);
    await using sleeping = await container.exec({ args: ['sleep', '1000'] });
    await sleeping.kill('SIGUSR1');
    expect(await sleeping.wait()).toMatchObject({ exitCode: 138, signal: 10 });
  });

  it('stdin goes in, and its end', async () => {
    await using exec = await container.exec({ args: ['cat'], stdin: 'pipe' });
    exec.stdin?.end(Buffer.from('in and out'));
    expect((await exec.output()).stdout.toString()).toBe('in and out');
  });

  it('a terminal of a size, which changes', async () => {
    await using exec = await container.exec({
      args: ['sh', '-c', 'stty size; read x; stty size'],
      stdin: 'pipe',
      terminal: { columns: 71, rows: 17 },
    });
    let shown = '';
    exec.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    while (!shown.includes('17 71')) await sleep(10);
    await exec.resize({ columns: 99, rows: 33 });
    exec.stdin?.write('\n');
    expect(await exec.wait()).toMatchObject({ exitCode: 0 });
    expect(shown).toContain('33 99');
  });

  it('disposing and aborting kill it', async () => {
    const alive = async (token: string): Promise<boolean> => (await output('ps', '-o', 'args')).includes(token);
    {
      await using _exec = await container.exec({ args: ['sleep', '7771'] });
      expect(await alive('7771')).toBe(true);
    }
    expect(await alive('7771')).toBe(false);
    const stop = new AbortController();
    await using exec = await container.exec({ args: ['sleep', '7772'], signal: stop.signal });
    stop.abort();
    expect(await exec.wait()).toMatchObject({ exitCode: 137 });
  });

  it('detached it goes on, from the beginning or later', async () => {
    const alive = async (token: string): Promise<boolean> => (await output('ps', '-o', 'args')).includes(token);
    {
      await using _exec = await container.exec({ args: ['sleep', '7773'], detach: true });
      await using later = await container.exec({ args: ['sleep', '7774'] });
      await later.detach();
    }
    expect([await alive('7773'), await alive('7774')]).toEqual([true, true]);
    const script = `
      import { openEngine } from 'slipway';
      const engine = await openEngine(${JSON.stringify(place.options)});
      const container = await engine.containers.get('subject');
      const exec = await container.exec({ args: ['sleep', '7775'] });
      await exec.detach();
      await container.exec({ args: ['sleep', '7776'] });
      process.kill(process.pid, 'SIGKILL');`;
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname, stdio: 'ignore' });
    } catch {
      // Killed, as it was told.
    }
    while (await alive('7776')) await sleep(50);
    expect(await alive('7775')).toBe(true);
    await output('sh', '-c', 'for n in 7773 7774 7775; do pkill -f "sleep $n"; done; true');
  });

  it('the last bytes before the exit always arrive', async () => {
    for (let round = 0; round < 40; round++) {
      const text = `${round} `.repeat(round * 200);
      await using exec = await container.exec({ args: ['sh', '-c', `printf '%s' '${text}'; exit ${round}`] });
      const { stdout, exitCode } = await exec.output();
      expect([stdout.length, exitCode]).toEqual([text.length, round]);
    }
  });
});
