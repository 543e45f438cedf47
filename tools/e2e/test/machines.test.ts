import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { readImage } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { cliEnvironment, launcher, startCli } from './child.ts';
import { CliPlace } from './cli-place.ts';
import { machineConfig } from './machines.ts';

// The same commands on three stacks at once; `mixed` are containers without machines on the disks that machines have. Machines check their layers.
const cli = await CliPlace.make(`${machineConfig()}
[plugin.snapshot-kata]
verity = true
[stacks.mixed]
snapshotter = "kata"
differ = "erofs"
`);
afterAll(() => cli[Symbol.dispose]());
const stacks = ['default', 'kata', 'mixed'] as const;
type Stack = (typeof stacks)[number];

async function onAll<T>(deed: (stack: Stack) => Promise<T>): Promise<Record<Stack, T>> {
  const [plain, kata, mixed] = await Promise.all([deed('default'), deed('kata'), deed('mixed')]);
  return { default: plain, kata, mixed };
}

/** What is the same on all; gives it. */
async function same<T>(deed: (stack: Stack) => Promise<T>): Promise<T> {
  const { default: plain, kata, mixed } = await onAll(deed);
  expect(kata).toEqual(plain);
  expect(mixed).toEqual(plain);
  return plain;
}

/** The command with bytes for its stdin. */
async function withInput(
  input: Buffer,
  args: readonly string[],
): Promise<{ code: number | null; stdout: Buffer; stderr: string }> {
  const child = spawn(launcher, args, { env: cliEnvironment(cli.place), stdio: 'pipe' });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([buffer(child.stdout), buffer(child.stderr), ended]);
  return { code, stdout, stderr: stderr.toString() };
}

/** Names, kinds, rights, owners, sizes, links and times of what is in a tar file, and a hash of all contents. */
function membersOf(tar: string): string {
  const folder = `${tar}.tree`;
  mkdirSync(folder);
  execFileSync('tar', ['--numeric-owner', '-xpf', tar, '-C', folder]);
  const format = '%p %y %m %n %U:%G %s %l %T@\n';
  const list = execFileSync('find', ['.', '-path', './bin', '-prune', '-o', '!', '-type', 'd', '-printf', format], {
    cwd: folder,
  });
  const folders = execFileSync('find', ['.', '-type', 'd', '-printf', '%p %m %U:%G\n'], { cwd: folder });
  const contents = execFileSync('sh', ['-c', 'find . -type f -exec sha256sum {} +'], { cwd: folder });
  return [list, folders, contents].map((text) => text.toString().split('\n').toSorted().join('\n')).join('\n');
}

describe('the same image on both stacks', () => {
  it('gives the same bytes, environment, user, folders, limits and exit code', async () => {
    const input = randomBytes(1 << 20);
    const script = `{ env | sort; id; pwd; hostname; ulimit -n; ulimit -Hn; umask; touch /x; echo t >/scratch/t; cat /scratch/t
      stat -c '%n %f %u:%g' /*; stat -c '%n %f %t:%T' /dev/null /dev/zero /dev/shm /dev/pts; ls /bin | wc -l; cat /etc/passwd
      tr '\\0' ' ' </proc/1/cmdline; grep 'Cap\\|NoNewPrivs\\|Seccomp:' /proc/self/status; grep -o ' /scratch [^ ]*' /proc/mounts; } >&2
      cat; exit 7`;
    const options = [
      '--rm',
      '-i',
      '-e',
      'A=b',
      '-e',
      'LC=\u00e4 "\n',
      '-u',
      '1000:1001',
      '-w',
      '/tmp',
      '-h',
      'machine',
      '--read-only',
    ];
    const more = ['--tmpfs', '/scratch:mode=1777', '--ulimit', 'nofile=100:200', '--entrypoint', 'sh'];
    const { code, stdout, stderr } = await same((stack) =>
      withInput(input, ['-q', '--stack', stack, 'run', ...options, ...more, 'box', '-c', script]),
    );
    expect({ code, hash: hashOf(stdout) }).toEqual({ code: 7, hash: hashOf(input) });
    for (const line of [
      'A=b',
      'uid=1000 gid=1001 groups=1001',
      '/tmp',
      'machine',
      '100',
      '200',
      't',
      'touch: /x: Read-only file system',
    ])
      expect(stderr.split('\n')).toContain(line);
  });

  it('says in the same way what cannot be executed', async () => {
    const refused = await onAll((stack) => cli.run('--stack', stack, 'run', '--rm', 'box', 'no-such-command'));
    for (const stack of stacks) expect({ stack, ...refused[stack] }).toMatchObject({ stack, status: 127, stdout: '' });
    for (const stack of stacks) expect(refused[stack].stderr).toContain('no-such-command');
  });
});

describe('a container that lives', () => {
  const changes = `if [ -e /d ]; then echo again; else
    mkdir -m 1750 /d; echo new >/d/file; chmod 4755 /d/file; ln -s file /d/link; ln /d/file /d/hard; mknod /d/null c 1 3; mkfifo /d/pipe
    echo owned >/d/owned; chown 12:70000 /d/owned; truncate -s 1048576 /d/sparse; echo name >"/d/$(printf 'n\\303\\244me "x"')"
    rm -r /home; rm /etc/group; echo 'root:x:0:0::/:/bin/sh' >/etc/passwd; mkdir /opt; for n in $(seq 300); do echo $n >/opt/$n; done
    find /d /opt /etc/passwd -exec touch -h -d '2020-01-02 03:04:05' {} +; echo inside >/root/written; echo first; fi; echo run >>/var/runs
    trap 'echo asked; exit 7' TERM; trap 'exit 3' USR1; echo up; echo bad >&2; sleep 1000 & wait`;
  const name = (stack: Stack) => `life-${stack}`;
  const logged = async (stack: Stack, text: string): Promise<void> => {
    await expect
      .poll(async () => (await cli.run('logs', name(stack))).stdout, { timeout: 100_000, interval: 300 })
      .toContain(text);
  };
  const file = (stack: Stack, kind: string) => path.join(cli.place.folder, `${kind}-${stack}`);

  // On folders that are there: those that are not crun makes with other rights (1755) than runc.
  const shared = (stack: Stack) => file(stack, 'shared');
  const health = ['--health-cmd', 'test -e /root/well', '--health-start-period', '1h', '--health-start-interval', '1s'];

  it('runs beside others', async () => {
    await onAll(async (stack) => {
      mkdirSync(shared(stack));
      await cli.out(
        '--stack',
        stack,
        'run',
        '-d',
        '--name',
        name(stack),
        '-l',
        `on=${stack}`,
        '--restart',
        'on-failure:1',
        '-v',
        `${shared(stack)}:/root`,
        '-v',
        `kept-${stack}:/var`,
        ...health,
        'box',
        'sh',
        '-c',
        changes,
      );
      await expect
        .poll(() => cli.run('logs', name(stack)), { timeout: 100_000, interval: 300 })
        .toMatchObject({ stdout: 'first\nup\n' });
    });
  });

  it('is listed, inspected, and lets others in, with their codes', async () => {
    const disks = await onAll((stack) => cli.out('exec', name(stack), 'cat', '/proc/partitions'));
    expect(disks.kata).toMatch(/ dm-0$/m);
    for (const stack of stacks) expect(await cli.out('ps')).toMatch(new RegExp(` Up .* ${name(stack)}$`, 'm'));
    const [details] = JSON.parse(await cli.out('inspect', name('kata'))) as [{ readonly machine?: object }];
    expect(details.machine).toMatchObject({ accel: 'tcg', hardware: false, memoryMiB: expect.any(Number), cpus: 1 });
    const execs = [
      ['sh', '-c', 'cat /d/file; echo no >&2; exit 5'],
      ['no-such-command'],
      ['/etc/passwd'],
      ['sh', '-c', 'kill -9 $$'],
      ['sh', '-c', 'kill -TERM $$'],
    ];
    const codes = await same(async (stack) => {
      const ended = [];
      for (const args of execs) ended.push((await cli.run('exec', name(stack), ...args)).status);
      return ended;
    });
    expect(codes).toEqual([5, 127, 126, 137, 143]);
    const input = randomBytes(300_000);
    const echoed = await same((stack) =>
      withInput(input, [
        'exec',
        '-i',
        '-u',
        '5:6',
        '-w',
        '/etc',
        '-e',
        'X=1',
        name(stack),
        'sh',
        '-c',
        'id >&2; pwd >&2; echo $X >&2; cat',
      ]),
    );
    expect(echoed).toEqual({ code: 0, stdout: input, stderr: 'uid=5 gid=6 groups=6\n/etc\n1\n' });
  });

  it('shares a folder and a volume with the host, is looked at, and is healthy when it is well', async () => {
    for (const stack of stacks) expect(readFileSync(path.join(shared(stack), 'written'), 'utf8')).toBe('inside\n');
    for (const stack of stacks) writeFileSync(path.join(shared(stack), 'well'), 'outside\n', { mode: 0o640 });
    const command = 'cat /root/well; stat -c "%a %u:%g" /root/well; cat /var/runs';
    const seen = await same((stack) => cli.out('exec', '-u', 'root', name(stack), 'sh', '-c', command));
    expect(seen).toBe('outside\n640 0:0\nrun\n');
    const inspected = async (stack: Stack) =>
      (await cli.json<{ health?: { status: string }; machine?: object }[]>('inspect', name(stack)))[0] ?? {};
    for (const stack of stacks)
      await expect
        .poll(async () => (await inspected(stack)).health, { timeout: 100_000, interval: 500 })
        .toMatchObject({ status: 'healthy' });
    const { default: plain, kata, mixed } = await onAll(async (stack) => (await inspected(stack)).machine);
    expect([plain, kata, mixed]).toEqual([undefined, { accel: 'tcg', hardware: false, memoryMiB: 128, cpus: 1 }, undefined]);
    const lines = (await cli.out('--json', 'stats', '--no-stream', ...stacks.map(name))).split('\n').filter(Boolean);
    const used = lines.map(
      (line) => JSON.parse(line) as { name: string; memory: { usageBytes: number }; pids: { current: number } },
    );
    expect(used.map((one) => [one.name, one.memory.usageBytes > 100_000, one.pids.current])).toEqual(
      stacks.map((stack) => [name(stack), true, 2]),
    );
    // Its programs have no numbers on the host.
    expect(await cli.out('top', name('kata'))).toContain('slipway-kata-shim');
    expect((await cli.run('--stack', 'kata', 'doctor')).stdout).toMatch(/^warn +machines +tcg, no isolation by hardware/m);
  });

  it('is started again by its policy, with the files that it had, and ends as it wants when it is asked to', async () => {
    await onAll((stack) => cli.out('kill', '-s', 'USR1', name(stack)));
    await onAll((stack) => logged(stack, 'first\nup\nagain\nup\n'));
    const followed = await onAll((stack) => Promise.resolve(startCli(cli.place, ['logs', '-f', name(stack)])));
    const attached = await onAll(async (stack) => {
      const trace = file(stack, 'trace');
      const { ended } = startCli(cli.place, ['attach', name(stack)], { trace });
      const isThere = () => existsSync(trace) && readFileSync(trace, 'utf8').includes('container.attached\n');
      await expect.poll(isThere, { timeout: 100_000, interval: 100 }).toBe(true);
      return { ended };
    });
    await cli.out('stop', '-t', '60', ...stacks.map(name));
    expect(await cli.out('wait', ...stacks.map(name))).toBe('7\n7\n7\n');
    expect(await same(async (stack) => (await followed[stack].ended).stdout)).toBe('first\nup\nagain\nup\nasked\n');
    const toAttached = await same(async (stack) => {
      const { status, stdout } = await attached[stack].ended;
      return { status, stdout };
    });
    expect(toAttached).toEqual({ status: 7, stdout: 'asked\n' });
    const said = await same(async (stack) => {
      const { stdout, stderr } = await cli.run('logs', name(stack));
      return { stdout, stderr };
    });
    expect(said).toEqual({ stdout: 'first\nup\nagain\nup\nasked\n', stderr: 'bad\nbad\n' });
    const events = await same(async (stack) => {
      const lines = await cli.out('--json', 'events', '--since', '1h', '--until', '0s', '-f', `container=${name(stack)}`);
      const actions = lines
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { action: string }).action);
      expect(actions).toEqual(expect.arrayContaining(['exec_start', 'exec_die', 'health_status']));
      // Probes and other programs are told of in any order, as are a signal by who has sent it and what it led to by the monitor.
      return actions.filter((action) => !/^(exec|health)_/.test(action)).toSorted();
    });
    expect(events).toEqual(expect.arrayContaining(['create', 'start', 'kill', 'die', 'stop']));
  });

  it('leaves the same files: changes, tar file, image and copies', async () => {
    await same((stack) => cli.out('diff', name(stack)));
    const tree = await same(async (stack) => {
      await cli.out('export', '-o', file(stack, 'export'), name(stack));
      return membersOf(file(stack, 'export'));
    });
    expect(tree).toContain('./d/file f 4755 2 0:0 4');
    await same(async (stack) => {
      writeFileSync(file(stack, 'input'), 'from the host\n');
      utimesSync(file(stack, 'input'), 1_600_000_000, 1_600_000_000);
      await cli.out('cp', file(stack, 'input'), `${name(stack)}:/d/copied`);
      await cli.out('cp', `${name(stack)}:/d/copied`, file(stack, 'output'));
      return readFileSync(file(stack, 'output'), 'utf8');
    });
    await onAll((stack) => cli.out('commit', name(stack), `made-${stack}`));
    const layer = await same(async (stack) => {
      await cli.out('-q', 'save', '--format', 'oci', '-o', file(stack, 'layout'), `made-${stack}`);
      return membersOf(readImage(file(stack, 'layout')).layers.at(-1) ?? '');
    });
    for (const line of [
      './d/copied f 644 1 0:0 14  1600000000.',
      './.wh.home f ',
      './etc/.wh.group f ',
      './d/file f 4755 2 0:0 4',
    ])
      expect(layer).toContain(line);
    // What was committed without a machine is read inside of one, and the other way round.
    const other = { default: 'kata', kata: 'default', mixed: 'mixed' } as const;
    const list = `cd /; cat var/runs; test ! -e home; stat -c '%n %f %u:%g' d opt etc; cat d/copied
      find d opt etc/passwd ! -type d ! -name copied -print0 | sort -z | xargs -0 ls -lnd --full-time`;
    const listed = await same((stack) =>
      cli.out('-q', '--stack', other[stack], 'run', '--rm', '-v', `kept-${stack}:/var`, `made-${stack}`, 'sh', '-c', list),
    );
    expect(listed.startsWith('run\nrun\n')).toBe(true);
    await cli.clear();
    await cli.out('volume', 'rm', ...stacks.map((stack) => `kept-${stack}`));
  }, 300_000);
});

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
