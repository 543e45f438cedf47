import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readlinkSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { linux, O_CLOEXEC } from '@slipway/linux';
import { describe, expect, it } from 'vitest';
import { flagsOf, tempFolder } from './temp.ts';

describe('flock', () => {
  it('is held by one open file, shared by many', () => {
    const path = join(tempFolder(), 'lock');
    const [a, b] = [openSync(path, 'w'), openSync(path, 'r')];
    expect(linux.tryFlock(a, 'exclusive')).toBe(true);
    expect(linux.tryFlock(b, 'shared')).toBe(false);
    linux.unflock(a);
    expect(linux.tryFlock(b, 'shared')).toBe(true);
    expect(linux.tryFlock(a, 'shared')).toBe(true);
    expect(linux.tryFlock(a, 'exclusive')).toBe(false);
    closeSync(a);
    closeSync(b);
    expect(() => linux.tryFlock(b, 'shared')).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }));
  });

  it('passes to the child that inherited the descriptor when the holder is killed', async () => {
    const path = join(tempFolder(), 'lock');
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const heir = Number(line.toString());
    const fd = openSync(path, 'r+');
    try {
      expect(linux.tryFlock(fd, 'exclusive')).toBe(false);
      const ended = once(holder, 'exit');
      linux.kill(holder.pid as number, 9);
      await ended;
      expect(linux.tryFlock(fd, 'exclusive')).toBe(false);
    } finally {
      linux.kill(heir, 9);
    }
    await expect.poll(() => linux.tryFlock(fd, 'exclusive'), { timeout: 60_000 }).toBe(true);
    closeSync(fd);
  });
});

describe('locks on a byte', () => {
  it('are of a directory too, shared, and seen by other open files until the last holder has closed', () => {
    const folder = tempFolder();
    const [a, b, c] = [openSync(folder, 'r'), openSync(folder, 'r'), openSync(folder, 'r')];
    const far = 2n ** 62n - 1n;
    for (const fd of [a, b]) linux.lockByte(fd, far);
    expect([far, far - 1n, 0n].map((offset) => linux.isByteLocked(c, offset))).toEqual([true, false, false]);
    closeSync(a);
    expect(linux.isByteLocked(c, far)).toBe(true);
    closeSync(b);
    expect(linux.isByteLocked(c, far)).toBe(false);
    closeSync(c);
    expect(() => linux.lockByte(c, 0n)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'fcntl' }));
  });
});

describe('kill', () => {
  it('sends signals that have no name in Node', async () => {
    const bash = spawn('bash', ['-c', 'trap "exit 7" RTMIN+3; echo ready; while :; do sleep 0.05; done'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(bash.stdout, 'data');
    const ended = once(bash, 'exit');
    linux.kill(bash.pid as number, 34 + 3);
    expect((await ended)[0]).toBe(7);
    expect(() => linux.kill(bash.pid as number, 0)).toThrow(expect.objectContaining({ code: 'ESRCH', syscall: 'kill' }));
  });
});

describe('terminals', () => {
  it('opens both ends close-on-exec, with a size', () => {
    const { master, slave } = linux.openPty();
    expect(flagsOf(master) & flagsOf(slave) & O_CLOEXEC).toBe(O_CLOEXEC);
    linux.setTerminalSize(master, { columns: 132, rows: 43 });
    expect(linux.terminalSize(slave)).toEqual({ columns: 132, rows: 43 });
    expect(execFileSync('stty', ['size'], { stdio: [slave, 'pipe', 'inherit'], encoding: 'utf8' })).toBe('43 132\n');
    writeSync(slave, 'hello\n');
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('utf8', 0, readSync(master, buffer))).toBe('hello\r\n');
    closeSync(master);
    closeSync(slave);
  });

  it('knows what is no terminal', () => {
    const fd = openSync('/dev/null', 'r');
    expect(linux.terminalSize(fd)).toBeUndefined();
    closeSync(fd);
  });
});

describe('loading', () => {
  it('works in worker threads beside the main thread, and costs nothing until used', async () => {
    linux.statfs('/');
    const workers = [1, 2, 3].map(
      () =>
        new Worker(
          `const { parentPort } = require('node:worker_threads');
           import('@slipway/linux').then(({ linux }) => {
             const bare = Object.keys(require.cache).filter((file) => file.includes('koffi')).length;
             const pty = linux.openPty();
             parentPort.postMessage({ bare, pty: pty.master > 0 && pty.slave > 0 });
           });`,
          { eval: true },
        ),
    );
    const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(answers).toEqual(workers.map(() => ({ bare: 0, pty: true })));
  });
});

describe('spawn', () => {
  /** Its output, once it has ended and was reaped. */
  async function outputOf(script: string, more: readonly number[] = []): Promise<string> {
    const out = join(tempFolder(), 'out');
    const [nothing, file] = [openSync('/dev/null', 'r'), openSync(out, 'w')];
    const descriptors = [nothing, file, 2, ...more];
    const pid = linux.spawn('/bin/sh', { argv: ['sh', '-c', script], environment: ['A=b c'], directory: '/usr', descriptors });
    await expect.poll(() => linux.reap(pid), { timeout: 60_000 }).toBe(true);
    for (const fd of [nothing, file]) closeSync(fd);
    return readFileSync(out, 'utf8');
  }

  it('starts a program with this environment and folder alone, in a session of its own', async () => {
    expect(await outputOf('echo "$A"; pwd; echo "[$HOME]"; [ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ] && echo session')).toBe(
      'b c\n/usr\n[]\nsession\n',
    );
  });

  it('ignores and blocks no signal in it, whatever Node does', async () => {
    expect(await outputOf('grep -E "Sig(Blk|Ign)" /proc/self/status')).toBe(
      'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n',
    );
  });

  it('passes on the descriptors that are named, in their order, also where one lies in the place of another, and no others', async () => {
    const folder = tempFolder();
    const files = ['x', 'y', 'z'].map((name) => {
      writeFileSync(join(folder, name), name);
      return openSync(join(folder, name), 'r');
    });
    const listed = await outputOf('for f in 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$f; done; ls /proc/$$/fd', [
      ...files.toReversed(),
      1,
      0,
    ]);
    const lines = listed.trimEnd().split('\n');
    expect(lines.slice(0, 3)).toEqual(['z', 'y', 'x'].map((name) => join(folder, name)));
    expect(lines.slice(3, 5)).toEqual([1, 0].map((fd) => readlinkSync(`/proc/self/fd/${fd}`)));
    // Where they come from they are closed.
    expect(files.filter((fd) => lines.slice(5).includes(String(fd)))).toEqual(files.filter((fd) => fd < 8));
    for (const fd of files) closeSync(fd);
  });

  it('tells what the program could not be started for', () => {
    const options = { argv: ['x'], environment: [], directory: '/', descriptors: [0, 1, 2] };
    expect(() => linux.spawn('/bin/missing', options)).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'posix_spawn', path: '/bin/missing' }),
    );
  });
});
