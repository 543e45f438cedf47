import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

function fakeTool(name: string, script: string): string {
  const file = path.join(host.folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const help = (...commands: readonly string[]) => commands.map((command) => `  ${command}    does it`).join('\n');

describe('features', () => {
  test.each([
    ['runc', 'runc version 1.0.3\nspec: 1.0.2\nlibseccomp: 2.5.1', 'runc 1.0.3', true, 'process'],
    ['crun', 'crun version 1.19\n+SYSTEMD +CAP +SECCOMP +EBPF', 'crun 1.19', true, 'process'],
    ['crun', 'crun version 1.19\n+SYSTEMD +CAP', 'crun 1.19', false, 'process'],
    ['runsc', 'runsc version release-20240107.0\nspec: 1.1.0-rc.1', 'runsc release-20240107.0', false, 'vm'],
    ['youki', 'youki version: 0.5.0\ncommit: abc', 'youki 0.5.0', false, 'process'],
    ['youki', 'youki 0.3.3', 'youki 0.3.3', false, 'process'],
  ])('of %s that says %j', async (name, text, version, seccomp, isolation) => {
    const script = `case $1 in --version) echo '${text}';; --help) echo '${help('pause', 'resume', 'exec')}'; exit 1;; *) exit 1;; esac`;
    const features = await host.activate(fakeTool(name, script)).features();
    expect(features).toEqual({ version, isolation, seccomp, pause: true, exec: true, update: false });
  });

  test('what a tool has no command for is unimplemented, and names the tool', async () => {
    const container = await host.create(['sleep', '1000']);
    await container.start();
    const script = `case "$*" in *--version) echo 'youki 0.1';; *--help) echo '${help('start')}';; *) echo unknown >&2; exit 1;; esac`;
    const runtime = host.activate(fakeTool('youki', script));
    const lacking = { kind: 'unimplemented', code: 'RUNTIME_LACKS_COMMAND', message: expect.stringContaining('youki') };
    await expect(runtime.pause(container.id)).rejects.toMatchObject(lacking);
    await expect(runtime.update(container.id, { pids: { limit: 9 } })).rejects.toMatchObject(lacking);
    const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
    const process = { user: { uid: 0, gid: 0 }, args: ['true'], env: [], cwd: '/' };
    await expect(runtime.exec(container.id, { process, stdio, dieWithParent: true })).rejects.toMatchObject(lacking);
    await host.runtime.delete(container.id);
  });
});

describe('cgroup driver', () => {
  /** What the tool was given, by one that makes nothing. */
  async function given(cgroupsPath: string, driver?: 'cgroupfs' | 'systemd'): Promise<{ args: string; cgroupsPath: string }> {
    const seen = path.join(host.folder, 'seen');
    const tool = fakeTool('fake', `case "$*" in *" create "*) echo "$*" >'${seen}'; exit 1;; esac`);
    const request = host.request(['true'], { id: `${host.prefix}-driver` });
    const file = path.join(request.bundle, 'config.json');
    const spec = JSON.parse(readFileSync(file, 'utf8'));
    spec.linux.cgroupsPath = cgroupsPath;
    writeFileSync(file, JSON.stringify(spec));
    await expect(host.activate(tool, driver).create(request)).rejects.toMatchObject({ code: 'RUNTIME_FAILED' });
    expect(existsSync(`${file}.new`)).toBe(false);
    return { args: readFileSync(seen, 'utf8'), cgroupsPath: JSON.parse(readFileSync(file, 'utf8')).linux.cgroupsPath };
  }

  test.each([
    ['/slipway/abc', undefined, '/slipway/abc', false],
    ['/slipway/abc', 'systemd', 'system.slice:slipway:abc', true],
    ['/jobs.slice/abc', 'systemd', 'jobs.slice:slipway:abc', true],
    ['system.slice:slipway:abc', undefined, 'system.slice:slipway:abc', true],
    ['system.slice:slipway:abc', 'cgroupfs', '/slipway/abc', false],
    ['jobs.slice:slipway:abc', 'cgroupfs', '/jobs.slice/abc', false],
  ] as const)('%s with the driver %s is %s', async (cgroupsPath, driver, expected, isSystemd) => {
    const seen = await given(cgroupsPath, driver);
    expect(seen.cgroupsPath).toBe(expected);
    expect(/^--systemd-cgroup .* create /.test(seen.args)).toBe(isSystemd);
  });
});
