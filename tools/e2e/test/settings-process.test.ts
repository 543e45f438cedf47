import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CliPlace } from './cli-place.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

/** What a shell in a container with these flags prints. */
const says = async (flags: readonly string[], script: string): Promise<string> =>
  (await cli.out('run', '--rm', ...flags, 'box', 'sh', '-c', script)).trim();
const file = (name: string, content: string): string => {
  const at = path.join(cli.place.folder, name);
  writeFileSync(at, content, { mode: 0o755 });
  return at;
};
const ownCapabilities = /CapBnd:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
const effective = 'grep CapEff /proc/self/status | cut -f2';

describe('who and where', () => {
  it('user, groups, folder, variables, entrypoint', async () => {
    expect(
      await says(['-u', '5:6', '--group-add', '7', '--group-add', 'root'], 'id -u; id -g; id -G | tr " " "\\n" | sort -n'),
    ).toBe('5\n6\n0\n6\n7');
    expect(
      await says(['-w', '/made/here', '-e', 'A=1', '--env-file', file('env', 'A=0\nB=two words\n')], 'pwd; echo "$A $B"'),
    ).toBe('/made/here\n1 two words');
    expect((await cli.out('run', '--rm', '--entrypoint', 'echo', 'box', 'x')).trim()).toBe('x');
  });

  it('names', async () => {
    const script = 'hostname; cat /proc/sys/kernel/domainname; echo $HOSTNAME';
    expect(await says(['-h', 'db', '--domainname', 'example.com'], script)).toBe('db\nexample.com\ndb');
    expect(await says(['--uts', 'host'], 'hostname')).toBe(execFileSync('hostname', { encoding: 'utf8' }).trim());
  });

  it('stop signal and time', async () => {
    const script = 'trap "exit 9" USR1; while :; do sleep 1000 & wait; done';
    await cli.out('create', '--name', 'one', '--stop-signal', 'USR1', '--stop-timeout', '60', 'box', 'sh', '-c', script);
    await cli.out('start', 'one');
    await cli.out('stop', 'one');
    expect((await cli.out('wait', 'one')).trim()).toBe('9');
  });
});

describe('rights', () => {
  it('capabilities', async () => {
    expect(await says([], effective)).toBe('00000000a80425fb');
    expect(await says(['--cap-drop', 'all', '--cap-add', 'CHOWN', '--cap-add', 'cap_kill'], effective)).toBe('0000000000000021');
    expect(await says(['--cap-add', 'ALL'], effective)).toBe(ownCapabilities);
    expect(await cli.refused('run', '--rm', '--cap-add', 'NET_ADMN', 'box')).toMatchObject({
      status: 125,
      code: 'CAPABILITY_UNKNOWN',
      hint: expect.stringContaining('NET_ADMIN'),
    });
  });

  it('no new privileges, filters of our own', async () => {
    const status = 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status | cut -f2';
    expect(await says([], status)).toBe('0\n2');
    expect(await says(['--security-opt', 'no-new-privileges', '--security-opt', 'seccomp=unconfined'], status)).toBe('1\n0');
    const profile = file(
      'profile.json',
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        archMap: [{ architecture: 'SCMP_ARCH_X86_64' }, { architecture: 'SCMP_ARCH_AARCH64' }],
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, excludes: { caps: ['CAP_SYS_TIME'] } }],
      }),
    );
    const made = 'mkdir /x 2>/dev/null && echo made || echo refused';
    expect(await says(['--security-opt', `seccomp=${profile}`], made)).toBe('refused');
    expect(await says(['--security-opt', `seccomp=${profile}`, '--cap-add', 'SYS_TIME'], made)).toBe('made');
    const broken = file('broken.json', '{"defaultAction":"SCMP_ACT_ALLOW","syscals":[]}');
    expect(await cli.refused('run', '--rm', '--security-opt', `seccomp=${broken}`, 'box')).toMatchObject({
      status: 125,
      code: 'SECCOMP_INVALID',
      message: expect.stringContaining('syscals'),
    });
  });

  it('masked and read-only paths', async () => {
    const covered = async (...flags: string[]): Promise<readonly string[]> =>
      (await says(flags, 'cut -d" " -f2 /proc/mounts')).split('\n').filter((line) => line.startsWith('/proc/'));
    const usual = await covered();
    expect(usual).toContain('/proc/sys');
    expect(await covered('--security-opt', 'systempaths=unconfined')).toEqual([]);
    expect(await covered('--security-opt', 'unmask=/proc/sys')).toEqual(usual.filter((line) => line !== '/proc/sys'));
    expect(await covered('--security-opt', 'mask=/proc/version')).toContain('/proc/version');
    expect(await says(['--security-opt', 'mask=/etc/passwd'], 'cat /etc/passwd')).toBe('');
  });

  it('a privileged container has all that we have', async () => {
    const [capabilities, ...rest] = (
      await says(
        ['--privileged'],
        `${effective}; grep Seccomp: /proc/self/status | cut -f2; mount -t tmpfs none /tmp && echo mounts; grep -c " /proc/" /proc/mounts; grep " /sys " /proc/mounts | cut -d" " -f4 | cut -c1-2; [ -c /dev/full ] && echo devices`,
      )
    ).split('\n');
    expect(capabilities).toBe(ownCapabilities);
    expect(rest).toEqual(['0', 'mounts', '0', 'rw', 'devices']);
  });
});

describe('limits of the process', () => {
  it('as they are set', async () => {
    const flags = ['--ulimit', 'nofile=100:200', '--ulimit', 'core=unlimited', '--oom-score-adj', '300'];
    const script = 'ulimit -S -n; ulimit -H -n; ulimit -H -c; cat /proc/self/oom_score_adj';
    expect(await says(flags, script)).toBe('100\n200\nunlimited\n300');
  });

  it('never above what we have ourselves', async () => {
    const [, hard = ''] = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    expect(await says(['--ulimit', `nofile=${hard}`], 'ulimit -H -n')).toBe(hard);
    expect(await cli.refused('run', '--rm', '--ulimit', 'nofile=1:999999999999', 'box')).toMatchObject({
      status: 125,
      code: 'RLIMIT_TOO_HIGH',
      message: expect.stringMatching(/hard limit 999999999999 is above \d+/),
    });
    expect(await cli.refused('create', '--oom-score-adj', '-1001', 'box')).toMatchObject({ code: 'USAGE' });
  });
});

describe('init', () => {
  it('is process 1, reaps, and passes signals on; the exit code is the program’s', async () => {
    expect(
      await says(
        ['--init'],
        'cat /proc/1/comm; for i in 1 2 3; do (sleep 0 &); done; while [ $(ls -d /proc/[0-9]* | wc -l) -gt 4 ]; do sleep 0.05; done; echo reaped',
      ),
    ).toBe('slipway-init\nreaped');
    expect(await says(['--init', '--read-only', '-u', '5'], 'cat /proc/1/comm')).toBe('slipway-init');
    expect((await cli.run('run', '--rm', '--init', 'box', 'sh', '-c', 'exit 42')).status).toBe(42);
    expect((await cli.run('run', '--rm', '--init', 'box', 'sh', '-c', 'kill -TERM $$')).status).toBe(143);
    expect((await cli.run('run', '--rm', '--init', 'box', 'no-such-program')).status).toBe(127);
    await cli.sleeper('one', '--init');
    await cli.out('stop', '-t', '60', 'one');
    expect((await cli.out('wait', 'one')).trim()).toBe('7');
    expect((await cli.out('diff', 'one')).trim()).toBe('');
  });
});

describe('hooks and annotations', () => {
  it('hooks see the state with name and annotations, and nothing of an environment', async () => {
    const said = path.join(cli.place.folder, 'said');
    const script = file('hook', `#!/bin/sh\n{ env; cat; } > ${said}.$1\n`);
    const hooks = file(
      'hooks.json',
      JSON.stringify({
        createRuntime: [{ path: script, args: ['hook', 'made'] }],
        poststop: [{ path: script, args: ['hook', 'gone'] }],
      }),
    );
    await says(['--name', 'hooked', '--hooks', hooks, '--annotation', 'com.example.a=b', '-e', 'LD_PRELOAD=/evil.so'], 'true');
    for (const stage of ['made', 'gone']) {
      const text = readFileSync(`${said}.${stage}`, 'utf8');
      expect(text).toContain('"com.example.a":"b"');
      expect(text).toContain('"slipway.name":"hooked"');
      expect(text).not.toMatch(/LD_PRELOAD|SLIPWAY_ROOT|HOME=/);
    }
  });

  it('what is no hook is refused before anything is made', async () => {
    const hooks = file('bad-hooks.json', JSON.stringify({ createRuntime: [{ path: 'bin/true' }] }));
    expect(await cli.refused('create', '--hooks', hooks, 'box')).toMatchObject({ status: 1, code: 'HOOK_INVALID' });
    expect(await cli.refused('create', '--annotation', 'slipway.name=x', 'box')).toMatchObject({ code: 'ANNOTATION_INVALID' });
    expect(await cli.refused('create', '-l', 'slipway.x=y', 'box')).toMatchObject({ code: 'LABEL_INVALID' });
  });
});
