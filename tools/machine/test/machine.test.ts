import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bootMachine, makeDisk } from '@slipway/machine';
import { expect, it } from 'vitest';

it('boots with systemd and cgroup v2 alone, runs what is on the disk, and turns itself off', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-machine-test-'));
  try {
    const [tree, disk] = [path.join(folder, 'tree'), path.join(folder, 'disk.ext4')];
    mkdirSync(tree);
    const commands = [
      'stat -fc %T /sys/fs/cgroup',
      'cat /proc/1/comm',
      'cat /sys/fs/cgroup/cgroup.controllers',
      'touch /machine/x || echo read-only',
      'cat /sys/module/overlay/initstate /sys/module/bfq/initstate',
    ];
    writeFileSync(path.join(tree, 'start'), commands.join('\n'));
    makeDisk(disk, tree, 16);
    const lines = await bootMachine({ disk, memoryMegabytes: 512, limitMs: 300_000 });
    expect(lines[0]).toBe('cgroup2fs');
    expect(lines[1]).toBe('systemd');
    expect(lines[2]?.split(' ')).toEqual(expect.arrayContaining(['cpuset', 'cpu', 'io', 'memory', 'pids']));
    expect(lines.slice(3).filter((line) => !line.includes('touch'))).toEqual(['read-only', 'live', 'live']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 600_000);
