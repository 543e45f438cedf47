import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ContainerSettings } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OptionValues } from '../src/command.js';
import type { Output } from '../src/output.js';
import { type Choice, makeProgram } from '../src/program.js';
import { settingsOf } from '../src/run/settings/settings-of.js';
import { settingsOptions } from '../src/run/settings-options.js';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-settings-'));
const at = (name: string) => path.join(folder, name);
function file(name: string, content: string | Buffer): string {
  writeFileSync(at(name), content);
  return at(name);
}
afterAll(() => rmSync(folder, { recursive: true }));

/** The command line through the real parser. */
function settings(args: readonly string[], command = 'run'): ContainerSettings {
  let choice: Choice | undefined;
  const output = { out: () => undefined, err: () => undefined } as unknown as Output;
  makeProgram(output, (one) => {
    choice = one;
  }).parse([command, ...args, 'image'], { from: 'user' });
  if (choice === undefined) throw new Error('no command was chosen');
  return settingsOf(new OptionValues(choice.command.opts()), command);
}

/** What is wrong with it, as the user reads it. */
function refusal(args: readonly string[]): {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
} {
  try {
    settings(args);
  } catch (error) {
    const { kind, code, message, hint } = error as { kind: string; code: string; message: string; hint: string };
    return { kind, code, message, hint };
  }
  throw new Error('expected an error');
}

test('without flags nothing is said, for run and create alike', () => {
  expect(settings([])).toEqual({});
  expect(settings([], 'create')).toEqual({});
});

test.each([
  [['-e', 'A=1', '--env', 'B='], { env: ['A=1', 'B='] }],
  [
    ['-w', '/srv', '-u', 'app:wheel', '--group-add', 'audio', '--group-add', '5'],
    { workdir: '/srv', user: 'app:wheel', groups: ['audio', '5'] },
  ],
  [['--entrypoint', ''], { entrypoint: [] }],
  [['--entrypoint', '/bin/a b'], { entrypoint: ['/bin/a b'] }],
  [['--init', '--read-only', '--privileged'], { init: true, readOnly: true, privileged: true }],
  [['--stop-signal', 'SIGINT', '--stop-timeout', '30'], { stopSignal: 'SIGINT', stopTimeoutMs: 30_000 }],
  [['--stop-timeout', '-1'], { stopTimeoutMs: -1 }],
  [
    ['--ulimit', 'nofile=1024:4096', '--ulimit', 'core=-1', '--ulimit', 'nproc=5:unlimited'],
    {
      rlimits: [
        { name: 'nofile', soft: 1024, hard: 4096 },
        { name: 'core', soft: -1, hard: -1 },
        { name: 'nproc', soft: 5, hard: -1 },
      ],
    },
  ],
  [['--oom-score-adj', '-500'], { oomScoreAdj: -500 }],
  [['-h', 'web', '--domainname', 'example.com'], { hostname: 'web', domainname: 'example.com' }],
  [['-l', 'a=b=c', '--label', 'd'], { labels: { a: 'b=c', d: '' } }],
  [['--annotation', 'a=b'], { annotations: { a: 'b' } }],
  [
    ['--network', 'host', '--pid', 'host', '--ipc', 'container:web', '--uts', 'host', '--cgroupns', 'private'],
    { network: 'host', namespaces: { pid: 'host', ipc: 'container:web', uts: 'host', cgroup: 'private' } },
  ],
  [
    ['-v', '/data:/srv:ro', '--mount', 'type=volume,source=db,target=/db', '--tmpfs', '/run:size=1m'],
    {
      mounts: [
        expect.objectContaining({ type: 'bind', source: '/data', target: '/srv', readOnly: true }),
        expect.objectContaining({ type: 'volume', volume: 'db', target: '/db' }),
        expect.objectContaining({ type: 'tmpfs', target: '/run', size: 1_048_576 }),
      ],
    },
  ],
  [['--shm-size', '1g'], { shmSize: 1024 ** 3 }],
  [
    ['--device', '/dev/a', '--device', '/dev/a:/dev/b', '--device', '/dev/a:r', '--device', '/dev/a:/dev/b:rw'],
    {
      devices: [
        { source: '/dev/a' },
        { source: '/dev/a', target: '/dev/b' },
        { source: '/dev/a', permissions: 'r' },
        { source: '/dev/a', target: '/dev/b', permissions: 'rw' },
      ],
    },
  ],
  [['--device-cgroup-rule', 'c 1:3 r'], { deviceRules: ['c 1:3 r'] }],
  [['--cap-add', 'ALL', '--cap-drop', 'chown', '--cap-drop', 'kill'], { capAdd: ['ALL'], capDrop: ['chown', 'kill'] }],
  [
    ['--security-opt', 'no-new-privileges', '--security-opt', 'seccomp=unconfined', '--security-opt', 'systempaths=unconfined'],
    { noNewPrivileges: true, seccomp: 'unconfined', maskedPaths: false, readonlyPaths: false },
  ],
  [['--security-opt', 'no-new-privileges=false'], { noNewPrivileges: false }],
  [
    ['--security-opt', 'mask=/a:/b', '--security-opt', 'mask=/c', '--security-opt', 'unmask=/d', '--security-opt', 'unmask=ALL'],
    { mask: ['/a', '/b', '/c'], unmask: ['/d', '/'] },
  ],
  [['--sysctl', 'net.ipv4.ip_forward=1'], { sysctls: { 'net.ipv4.ip_forward': '1' } }],
  [['--cgroup-parent', '/jobs'], { cgroupParent: '/jobs' }],
  [
    ['-m', '512m', '--memory-reservation', '256M', '--memory-swap', '-1', '--memory-swappiness', '0', '--oom-kill-disable'],
    {
      limits: {
        memory: 512 * 1024 ** 2,
        memoryReservation: 256 * 1024 ** 2,
        memorySwap: -1,
        memorySwappiness: 0,
        oomKillDisable: true,
      },
    },
  ],
  [
    ['--cpus', '1.5', '-c', '512', '--cpu-period', '100000', '--cpu-quota', '-1', '--cpuset-cpus', '0-3', '--cpuset-mems', '0'],
    { limits: { cpus: 1.5, cpuShares: 512, cpuPeriod: 100_000, cpuQuota: -1, cpuset: '0-3', cpusetMems: '0' } },
  ],
  [['--pids-limit', '-1', '--blkio-weight', '10'], { limits: { pids: -1, ioWeight: 10 } }],
  [
    [
      ...['--blkio-weight-device', '/dev/sda:100', '--device-read-bps', '/dev/sda:1m', '--device-write-bps', '/dev/sdb:2k'],
      ...['--device-read-iops', '/dev/sda:5', '--device-write-iops', '/dev/sda:6', '--device-read-bps', '/dev/sda:2m'],
    ],
    {
      limits: {
        ioDevices: [
          { path: '/dev/sda', weight: 100, readBps: 2 * 1024 ** 2, readIops: 5, writeIops: 6 },
          { path: '/dev/sdb', writeBps: 2048 },
        ],
      },
    },
  ],
  [['--restart', 'on-failure:3'], { restart: { name: 'on-failure', maximumRetries: 3 } }],
  [['--restart', 'unless-stopped'], { restart: { name: 'unless-stopped' } }],
  [
    [
      ...[
        '--health-cmd',
        'curl -f localhost',
        '--health-interval',
        '1m30s',
        '--health-timeout',
        '500ms',
        '--health-retries',
        '2',
      ],
      ...['--health-start-period', '0', '--health-start-interval', '2s'],
    ],
    {
      health: {
        command: ['/bin/sh', '-c', 'curl -f localhost'],
        intervalMs: 90_000,
        timeoutMs: 500,
        retries: 2,
        startPeriodMs: 0,
        startIntervalMs: 2000,
      },
    },
  ],
  [['--no-healthcheck'], { health: false }],
  [['--log-driver', 'none'], { log: { driver: 'none' } }],
  [['--log-opt', 'max-size=1m', '--log-opt', 'max-file=5'], { log: { maxSize: 1_048_576, maxFiles: 5 } }],
] as [string[], ContainerSettings][])('%j', (args, expected) => {
  const found = JSON.parse(JSON.stringify(settings(args))) as object;
  expect(found).toEqual(expected);
  expect(JSON.parse(JSON.stringify(settings(args, 'create')))).toEqual(found);
});

test('variables and labels of files stand below those of flags', () => {
  const env = file('env', '# comment\nA=file\nB=file\n');
  expect(settings(['-e', 'A=flag', '--env-file', env]).env).toEqual(['A=file', 'B=file', 'A=flag']);
  const labels = file('labels', '# comment\r\n\r\n a=file\r\nb=file=x\r\nc\r\n');
  expect(settings(['--label', 'a=flag', '--label-file', labels]).labels).toEqual({ a: 'flag', b: 'file=x', c: '' });
  expect(settings(['--label', '__proto__=x']).labels).toEqual(JSON.parse('{"__proto__":"x"}'));
});

test('profiles and hooks are read from files', () => {
  const profile = file('profile', '{"defaultAction":"SCMP_ACT_ALLOW"}');
  expect(settings(['--security-opt', `seccomp=${profile}`]).seccomp).toEqual({ defaultAction: 'SCMP_ACT_ALLOW' });
  const hooks = file('hooks', '{"poststop":[{"path":"/bin/true"}]}');
  expect(settings(['--hooks', hooks]).hooks).toEqual({ poststop: [{ path: '/bin/true' }] });
});

describe('files that flags name', () => {
  beforeAll(() => {
    mkdirSync(at('directory'));
    execFileSync('mkfifo', [at('fifo')]);
    truncateSync(file('huge', ''), 5 * 1024 * 1024);
    file('latin', Buffer.from([0xe4, 0x0a]));
    file('broken', '{"a":');
  });
  const flags = (name: string) => [
    ['--env-file', name],
    ['--label-file', name],
    ['--hooks', name],
    ['--security-opt', `seccomp=${name}`],
  ];

  test.each(['huge', 'latin', 'directory'])('%s is refused', (name) => {
    for (const args of flags(at(name)))
      expect(refusal(args)).toMatchObject({
        kind: 'invalid-argument',
        code: 'FLAG_FILE_INVALID',
        message: expect.stringContaining(at(name)),
      });
  });

  test('devices, which never end, are refused', () => {
    for (const args of flags('/dev/zero')) expect(refusal(args).message).toMatch(/is neither a file nor a pipe$/);
  });

  test('bug: a pipe was refused, as `<(command)` gives one', async () => {
    const writing = (command: string) => once(spawn('sh', ['-c', `${command} > ${at('fifo')}`]), 'close');
    const one = writing("printf 'A=b\\n# nothing\\n'");
    expect(settings(['--env-file', at('fifo')]).env).toEqual(['A=b']);
    const other = writing(`printf '{"poststop":[]}'`);
    expect(settings(['--hooks', at('fifo')]).hooks).toEqual({ poststop: [] });
    expect(settings(['--env-file', '/dev/null']).env).toBeUndefined();
    const endless = writing('yes A=b');
    expect(refusal(['--env-file', at('fifo')]).message).toMatch(/has more than the 4194304 bytes that are read$/);
    await Promise.all([one, other, endless]);
  });

  test('missing', () => {
    for (const args of flags(at('missing')))
      expect(refusal(args)).toMatchObject({ kind: 'not-found', message: expect.stringContaining('missing') });
  });

  test.each(['TO KEN=hidden', 'hidden words'])('a variable with white space in its name: %j', (line) => {
    const { code, message } = refusal(['--env-file', file('spaces', `A=1\n${line}\n`)]);
    expect([code, message]).toEqual([
      'ENV_FILE_INVALID',
      expect.stringMatching(/ line 2 has white space in the name of a variable$/),
    ]);
  });

  test('what is not JSON', () => {
    expect(refusal(['--hooks', at('broken')]).message).toMatch(/^--hooks ".*broken" is not JSON: /);
    expect(refusal(['--security-opt', `seccomp=${at('broken')}`]).code).toBe('FLAG_FILE_INVALID');
  });
});

test.each([
  ['--shm-size', '12x'],
  ['--shm-size', '0'],
  ['--shm-size', '-1'],
  ['--memory', 'much'],
  ['--memory', ''],
  ['--memory-swap', '-2'],
  ['--memory-swappiness', '101'],
  ['--cpus', '0'],
  ['--cpus', '1e3'],
  ['--cpu-quota', '-2'],
  ['--cpu-shares', '1.5'],
  ['--pids-limit', 'all'],
  ['--blkio-weight', '9'],
  ['--blkio-weight-device', '/dev/sda'],
  ['--device-read-bps', 'sda:1m'],
  ['--device-read-iops', '/dev/sda:0'],
  ['--device', 'dev/null'],
  ['--device', '/dev/a:b'],
  ['--device', '/dev/a:/b:rw:x'],
  ['--ulimit', 'nofile'],
  ['--ulimit', 'nofile=a'],
  ['--ulimit', 'nofile=1:2:3'],
  ['--oom-score-adj', '1001'],
  ['--stop-timeout', '1.5'],
  ['--label', '=x'],
  ['--sysctl', 'net.ipv4.ip_forward'],
  ['--restart', 'on-failure:0'],
  ['--restart', 'sometimes'],
  ['--health-interval', '30'],
  ['--health-retries', '0'],
  ['--security-opt', 'seccomp='],
  ['--security-opt', 'apparmor=x'],
  ['--security-opt', 'mask=proc'],
  ['--security-opt', 'systempaths=x'],
  ['--security-opt', 'no-new-privileges=maybe'],
  ['--log-opt', 'max-size=0'],
  ['--log-opt', 'max-file=none'],
  ['--log-opt', 'tag=x'],
])('%s %j is refused, with the flag, its text and what was expected', (flag, text) => {
  const { kind, code, message, hint } = refusal([flag, text]);
  expect([kind, code]).toEqual(['invalid-argument', 'USAGE']);
  expect(message).toBe(`${flag} ${JSON.stringify(text)}: expected ${message.split('expected ')[1]}`);
  expect(hint).toBe('see slipway run --help');
});

test('no health check, and one, is a contradiction', () => {
  expect(refusal(['--no-healthcheck', '--health-cmd', 'true']).message).toContain('--no-healthcheck');
});

test('a size, a time, a name: every flag that takes a value says which', () => {
  for (const { flags, heading } of settingsOptions) {
    expect(heading).toMatch(/:$/);
    expect(flags).toMatch(/^(-\w, )?--[a-z][a-z0-9-]+( <[^ ]+>)?$/);
  }
  const names = settingsOptions.map(({ flags }) => flags);
  expect(new Set(names).size).toBe(names.length);
});
