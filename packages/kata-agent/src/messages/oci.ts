import { many, map, message, messages, one, set, some } from '../wire/fields.js';

/*
 * config.json of the OCI runtime specification: its names, and the numbers of Kata Containers' oci.proto. What Slipway never writes is left out, and so refused.
 * Fields from 100 on are our own, for what the specification has and Kata does not.
 */

export const Box = {
  height: one(1, 'uint32'),
  width: one(2, 'uint32'),
} as const;

export const User = {
  uid: one(1, 'uint32'),
  gid: one(2, 'uint32'),
  additionalGids: many(3, 'uint32'),
  username: one(4, 'string'),
} as const;

export const LinuxCapabilities = {
  bounding: many(1, 'string'),
  effective: many(2, 'string'),
  inheritable: many(3, 'string'),
  permitted: many(4, 'string'),
  ambient: many(5, 'string'),
} as const;

export const POSIXRlimit = {
  type: one(1, 'string'),
  hard: one(2, 'uint64'),
  soft: one(3, 'uint64'),
} as const;

export const Process = {
  terminal: one(1, 'bool'),
  consoleSize: message(2, Box),
  user: message(3, User),
  args: many(4, 'string'),
  env: many(5, 'string'),
  cwd: one(6, 'string'),
  capabilities: message(7, LinuxCapabilities),
  rlimits: messages(8, POSIXRlimit),
  noNewPrivileges: one(9, 'bool'),
  oomScoreAdj: one(11, 'int64'),
} as const;

export const Root = {
  path: one(1, 'string'),
  readonly: one(2, 'bool'),
} as const;

export const Mount = {
  destination: one(1, 'string'),
  source: one(2, 'string'),
  type: one(3, 'string'),
  options: many(4, 'string'),
} as const;

export const LinuxIDMapping = {
  hostID: one(1, 'uint32'),
  containerID: one(2, 'uint32'),
  size: one(3, 'uint32'),
} as const;

export const LinuxDeviceCgroup = {
  allow: one(1, 'bool'),
  type: one(2, 'string'),
  /** -1: any. */
  major: one(3, 'int64'),
  minor: one(4, 'int64'),
  access: one(5, 'string'),
} as const;

export const LinuxMemory = {
  limit: one(1, 'int64'),
  reservation: one(2, 'int64'),
  swap: one(3, 'int64'),
  swappiness: some(6, 'uint64'),
  disableOOMKiller: one(7, 'bool'),
} as const;

export const LinuxCPU = {
  shares: one(1, 'uint64'),
  quota: one(2, 'int64'),
  period: one(3, 'uint64'),
  cpus: one(6, 'string'),
  mems: one(7, 'string'),
} as const;

export const LinuxPids = {
  limit: one(1, 'int64'),
} as const;

export const LinuxWeightDevice = {
  major: one(1, 'int64'),
  minor: one(2, 'int64'),
  weight: one(3, 'uint32'),
} as const;

export const LinuxThrottleDevice = {
  major: one(1, 'int64'),
  minor: one(2, 'int64'),
  rate: one(3, 'uint64'),
} as const;

export const LinuxBlockIO = {
  weight: one(1, 'uint32'),
  weightDevice: messages(3, LinuxWeightDevice),
  throttleReadBpsDevice: messages(4, LinuxThrottleDevice),
  throttleWriteBpsDevice: messages(5, LinuxThrottleDevice),
  throttleReadIOPSDevice: messages(6, LinuxThrottleDevice),
  throttleWriteIOPSDevice: messages(7, LinuxThrottleDevice),
} as const;

export const LinuxHugepageLimit = {
  pageSize: one(1, 'string'),
  limit: one(2, 'uint64'),
} as const;

export const LinuxResources = {
  devices: messages(1, LinuxDeviceCgroup),
  memory: message(2, LinuxMemory),
  cpu: message(3, LinuxCPU),
  pids: message(4, LinuxPids),
  blockIO: message(5, LinuxBlockIO),
  hugepageLimits: messages(6, LinuxHugepageLimit),
  unified: map(100, 'string'),
} as const;

/** A path is one in the guest. */
export const LinuxNamespace = {
  type: one(1, 'string'),
  path: some(2, 'string'),
} as const;

export const LinuxDevice = {
  path: one(1, 'string'),
  type: one(2, 'string'),
  major: one(3, 'int64'),
  minor: one(4, 'int64'),
  fileMode: some(5, 'uint32'),
  uid: one(6, 'uint32'),
  gid: one(7, 'uint32'),
} as const;

export const LinuxSeccompArg = {
  index: one(1, 'uint64'),
  value: one(2, 'uint64'),
  valueTwo: one(3, 'uint64'),
  op: one(4, 'string'),
} as const;

export const LinuxSyscall = {
  names: many(1, 'string'),
  action: one(2, 'string'),
  errnoRet: set(3, 'uint32'),
  args: messages(4, LinuxSeccompArg),
} as const;

export const LinuxSeccomp = {
  defaultAction: one(1, 'string'),
  architectures: many(2, 'string'),
  flags: many(3, 'string'),
  syscalls: messages(4, LinuxSyscall),
  defaultErrnoRet: set(100, 'uint32'),
} as const;

export const Linux = {
  uidMappings: messages(1, LinuxIDMapping),
  gidMappings: messages(2, LinuxIDMapping),
  sysctl: map(3, 'string'),
  resources: message(4, LinuxResources),
  cgroupsPath: one(5, 'string'),
  namespaces: messages(6, LinuxNamespace),
  devices: messages(7, LinuxDevice),
  seccomp: message(8, LinuxSeccomp),
  rootfsPropagation: one(9, 'string'),
  maskedPaths: many(10, 'string'),
  readonlyPaths: many(11, 'string'),
} as const;

export const Spec = {
  ociVersion: one(1, 'string'),
  process: message(2, Process),
  root: message(3, Root),
  hostname: one(4, 'string'),
  mounts: messages(5, Mount),
  annotations: map(7, 'string'),
  linux: message(8, Linux),
  domainname: one(100, 'string'),
} as const;
