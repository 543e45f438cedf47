import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A host's `proc`, `sys` and `run` as files. */
export interface Sample extends Disposable {
  readonly root: string;
  write(files: Readonly<Record<string, string>>): void;
}

export function sample(files: Readonly<Record<string, string>>): Sample {
  const root = mkdtempSync(path.join(tmpdir(), 'slipway-cgroups-'));
  const write = (more: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(more)) {
      const file = path.join(root, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  };
  write(files);
  return { root, write, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

const cpus = { 'sys/devices/system/cpu/online': '0-3,6\n', 'sys/devices/system/node/has_memory': '0\n' };

/** systemd's own way of v1: cpu and cpuacct together, and no unified hierarchy. */
export const v1 = {
  ...cpus,
  'run/systemd/system/x': '',
  'proc/self/mountinfo': `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/systemd rw,nosuid shared:7 - cgroup cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:8 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
34 30 0:30 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids
35 30 0:31 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
36 30 0:32 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
37 30 0:33 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,noprefix
`,
  'proc/42/cgroup': `11:memory:/jobs/x
10:cpu,cpuacct:/jobs/x
9:pids:/jobs/x
8:freezer:/jobs/x
7:blkio:/jobs/x
1:name=systemd:/user.slice
`,
  'sys/fs/cgroup/memory/memory.memsw.limit_in_bytes': '9223372036854771712\n',
  'sys/fs/cgroup/blkio/blkio.throttle.read_bps_device': '',
  'sys/fs/cgroup/blkio/jobs/blkio.bfq.weight': '100\n',
};

const v1Group = 'sys/fs/cgroup';
export const v1Used = {
  [`${v1Group}/memory/jobs/x/memory.usage_in_bytes`]: '5000000\n',
  [`${v1Group}/memory/jobs/x/memory.max_usage_in_bytes`]: '6000000\n',
  [`${v1Group}/memory/jobs/x/memory.limit_in_bytes`]: '9223372036854771712\n',
  [`${v1Group}/memory/jobs/x/memory.stat`]: 'cache 3000\ninactive_file 1\ntotal_inactive_file 1000000\ntotal_swap 4096\n',
  [`${v1Group}/memory/jobs/x/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  [`${v1Group}/cpu,cpuacct/jobs/x/cpuacct.usage`]: '7000000000\n',
  [`${v1Group}/cpu,cpuacct/jobs/x/cpuacct.stat`]: 'user 500\nsystem 200\n',
  [`${v1Group}/cpu,cpuacct/jobs/x/cpu.stat`]: 'nr_periods 10\nnr_throttled 4\nthrottled_time 123456\n',
  [`${v1Group}/pids/jobs/x/pids.current`]: '3\n',
  [`${v1Group}/pids/jobs/x/pids.max`]: 'max\n',
  [`${v1Group}/pids/jobs/x/cgroup.procs`]: '12\n10\n0\n',
  [`${v1Group}/pids/jobs/x/inner/cgroup.procs`]: '11\n',
  [`${v1Group}/freezer/jobs/x/freezer.state`]: 'FROZEN\n',
  [`${v1Group}/blkio/jobs/x/blkio.throttle.io_service_bytes`]:
    '8:0 Read 100\n8:0 Write 50\n8:0 Sync 150\n8:0 Total 150\n8:16 Read 7\n8:16 Write 0\nTotal 157\n',
};

/** Controllers on v1, and beside them a unified hierarchy without any. */
export const hybrid = {
  ...v1,
  'proc/self/mountinfo': `${v1['proc/self/mountinfo']}38 30 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n`,
  'proc/42/cgroup': `${v1['proc/42/cgroup']}0::/user.slice\n`,
  'sys/fs/cgroup/unified/cgroup.controllers': '\n',
};

export const v2 = {
  ...cpus,
  'run/systemd/system/x': '',
  'proc/self/mountinfo': `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`,
  'proc/42/cgroup': '0::/system.slice/slipway-x.scope\n',
  'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  'sys/fs/cgroup/io.cost.qos': '',
  'sys/fs/cgroup/memory.stat': '',
  'sys/fs/cgroup/system.slice/memory.max': 'max\n',
  'sys/fs/cgroup/system.slice/memory.swap.max': 'max\n',
};

const v2Group = 'sys/fs/cgroup/system.slice/slipway-x.scope';
export const v2Used = {
  [`${v2Group}/cgroup.procs`]: '20\n',
  [`${v2Group}/inner/cgroup.procs`]: '21\n22\n',
  [`${v2Group}/cgroup.events`]: 'populated 1\nfrozen 1\n',
  [`${v2Group}/cpu.stat`]:
    'usage_usec 7000000\nuser_usec 5000000\nsystem_usec 2000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 123\n',
  [`${v2Group}/memory.current`]: '5000000\n',
  [`${v2Group}/memory.max`]: '8000000\n',
  [`${v2Group}/memory.peak`]: '6000000\n',
  [`${v2Group}/memory.swap.current`]: '4096\n',
  [`${v2Group}/memory.stat`]: 'anon 1\ninactive_file 1000000\n',
  [`${v2Group}/memory.events`]: 'low 0\nhigh 0\nmax 5\noom 2\noom_kill 2\noom_group_kill 0\n',
  [`${v2Group}/pids.current`]: '3\n',
  [`${v2Group}/pids.max`]: '10\n',
  [`${v2Group}/io.stat`]:
    '8:0 rbytes=100 wbytes=50 rios=1 wios=1 dbytes=9 dios=1\n8:16 rbytes=7 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n',
};
