import type { RuntimeProcess, RuntimeResources, RuntimeSpec } from '@slipway/plugin-api';

/** Everything that Slipway can write into a config.json for a guest, once: nothing has the value that stands for nothing. */
export const fullProcess = {
  terminal: true,
  consoleSize: { height: 24, width: 80 },
  user: { uid: 4_294_967_295, gid: 7, additionalGids: [1, 300, 70_000] },
  args: ['sh', '-c', 'é', ''],
  env: ['A=b', 'EMPTY='],
  cwd: '/srv',
  capabilities: {
    bounding: ['CAP_CHOWN'],
    effective: ['CAP_CHOWN'],
    permitted: ['CAP_KILL'],
    inheritable: ['A'],
    ambient: ['B'],
  },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 2 ** 64 }],
  noNewPrivileges: true,
  oomScoreAdj: -500,
} as const satisfies RuntimeProcess;

export const fullResources = {
  devices: [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    { allow: true, type: 'b', major: 0, minor: 0, access: 'w' },
  ],
  memory: { limit: -1, reservation: 2 ** 40, swap: -1, swappiness: 10, disableOOMKiller: true },
  cpu: { shares: 2, quota: -1, period: 100_000, cpus: '0-1', mems: '0' },
  pids: { limit: 0 },
  blockIO: {
    weight: 10,
    weightDevice: [{ major: 8, minor: 0, weight: 5 }],
    throttleReadBpsDevice: [{ major: 8, minor: 1, rate: 1e9 }],
    throttleWriteBpsDevice: [{ major: 8, minor: 2, rate: 1e10 }],
    throttleReadIOPSDevice: [{ major: 8, minor: 3, rate: 1 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 4, rate: 2 }],
  },
  hugepageLimits: [{ pageSize: '2MB', limit: 2 ** 30 }],
  unified: { 'memory.high': '1' },
} as const satisfies RuntimeResources;

export const fullSpec = {
  ociVersion: '1.0.2',
  hostname: 'web',
  domainname: 'example.com',
  root: { path: '/run/kata-containers/c/rootfs', readonly: true },
  process: fullProcess,
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'ro'] }],
  annotations: { a: 'b', empty: '' },
  linux: {
    namespaces: [{ type: 'pid' }, { type: 'network', path: '/proc/1/ns/net' }, { type: 'cgroup' }],
    cgroupsPath: '/c',
    resources: fullResources,
    devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, uid: 1, gid: 2 }],
    sysctl: { 'net.ipv4.ip_forward': '1' },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        {
          names: ['clone', 'personality'],
          action: 'SCMP_ACT_ALLOW',
          errnoRet: 0,
          args: [{ index: 1, value: 2 ** 64, valueTwo: 2 ** 53, op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ],
    },
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
    rootfsPropagation: 'rprivate',
  },
} as const satisfies RuntimeSpec;
