import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupOfProcess, directoryOf } from '@slipway/cgroups';
import { type Check, type Limited, MiB, setting, started } from './check.ts';

/** A whole disk of this host, by its name and as the kernel names it in its files. */
function anyDisk(): { readonly path: string; readonly number: string } {
  const names = readdirSync('/sys/block').filter((name) => existsSync(`/dev/${name}`) && !/^(ram|zram)/.test(name));
  const name = names.find((each) => !each.startsWith('loop')) ?? names[0];
  if (name === undefined) throw new Error('this host has no disk');
  return { path: `/dev/${name}`, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
}

export const ioChecks: readonly Check[] = [
  {
    name: 'reading and writing of a disk are throttled as was asked for',
    async run(limited) {
      const disk = anyDisk();
      const rates = { readBps: MiB, writeBps: 2 * MiB, readIops: 100, writeIops: 200 };
      await using container = await started(limited, { limits: { ioDevices: [{ path: disk.path, ...rates }] } });
      const { pid } = container;
      if (limited.host.version === 'v2') {
        const line = setting(pid, 'io', '', 'io.max');
        assert.deepEqual(
          line.split(' ').sort(),
          [disk.number, `rbps=${MiB}`, 'riops=100', `wbps=${2 * MiB}`, 'wiops=200'].sort(),
        );
      } else {
        const file = (name: string): string => setting(pid, 'blkio', `blkio.throttle.${name}_device`, '');
        assert.equal(file('read_bps'), `${disk.number} ${MiB}`);
        assert.equal(file('write_bps'), `${disk.number} ${2 * MiB}`);
        assert.equal(file('read_iops'), `${disk.number} 100`);
        assert.equal(file('write_iops'), `${disk.number} 200`);
      }
    },
  },
  {
    name: 'the share of disks is what was asked for, or refused where no disk can be shared',
    async run(limited) {
      if (!limited.host.ioWeight) {
        await assert.rejects(started(limited, { limits: { ioWeight: 300 } }), {
          kind: 'unimplemented',
          code: 'LIMIT_NOT_SUPPORTED',
        });
        return;
      }
      await using container = await started(limited, { limits: { ioWeight: 300 } });
      assert.match(weightOf(limited, container.pid), /(^|default )300$/m);
    },
  },
  {
    name: 'what is no whole disk is refused',
    once: true,
    async run(limited) {
      for (const disk of ['/dev/null', '/', 'vda', '/dev/vd\0a'])
        await assert.rejects(started(limited, { limits: { ioDevices: [{ path: disk, readBps: 1 }] } }), { code: 'NOT_A_DISK' });
      await assert.rejects(started(limited, { limits: { ioDevices: [{ path: '/dev/none', readBps: 1 }] } }), {
        kind: 'not-found',
      });
    },
  },
];

/** That of bfq where it is there, else that of cfq and iocost. */
function weightOf({ host }: Limited, pid: number): string {
  const v2 = host.version === 'v2';
  const directory = directoryOf(cgroupOfProcess(pid), v2 ? 'io' : 'blkio') ?? '';
  const names = v2 ? ['io.bfq.weight', 'io.weight'] : ['blkio.bfq.weight', 'blkio.weight'];
  const file = names.map((name) => path.join(directory, name)).find((each) => existsSync(each)) ?? '';
  return readFileSync(file, 'utf8').trim();
}
