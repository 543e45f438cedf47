import * as fs from 'node:fs';
import * as os from 'node:os';
import { type CgroupDriver, cgroupDriverOf } from '@slipway/cgroups';
import { findInit } from '@slipway/monitor';
import { wrapError } from '@slipway/plugin-api';
import { capabilitiesOfMask } from './capabilities/index.js';
import { type HardLimit, parseHardLimits } from './rlimits.js';

/** What a spec depends on and the image cannot say. Plain data, so that a test can describe another host. */
export interface HostFacts {
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly kernel: { readonly major: number; readonly minor: number };
  /** 2: one unified hierarchy. 1: a hierarchy for each controller, also in hybrid form. */
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: CgroupDriver;
  readonly hostname: string;
  /** What this process has, and so can give. */
  readonly capabilities: readonly string[];
  /** Of this process. */
  readonly hardLimits: readonly HardLimit[];
  /** The most that the kernel lets anybody have: fs.nr_open. */
  readonly maxOpenFiles: number;
  /** Of this process. */
  readonly oomScoreAdj: number;
  /** The program for `--init`; absent when it is not there. */
  readonly initProgram?: string;
  /** Folders under /sys/devices/system/cpu that tell how hot the host runs. */
  readonly thermalThrottlePaths: readonly string[];
  /** Of the two network settings that {@link buildSpec} wants, those that this kernel has. */
  readonly sysctls: readonly string[];
  /** Real paths of the host's own files; absent when it has none. */
  readonly resolvConf?: string;
  readonly hosts?: string;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64' };

/** Measured anew at each call: about a millisecond on a host of 64 processors. */
export function readHostFacts(): HostFacts {
  const [major = 0, minor = 0] = os
    .release()
    .split('.')
    .map((part) => Number.parseInt(part, 10) || 0);
  const resolvConf = realFile('/etc/resolv.conf');
  const hosts = realFile('/etc/hosts');
  const initProgram = findInit();
  const cgroupVersion = fs.existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
  return {
    architecture: architectures[process.arch] ?? process.arch,
    kernel: { major, minor },
    cgroupVersion,
    cgroupDriver: cgroupDriverOf({ version: cgroupVersion === 2 ? 'v2' : 'v1', systemd: fs.existsSync('/run/systemd/system') }),
    hostname: os.hostname(),
    capabilities: ownCapabilities(),
    hardLimits: parseHardLimits(procFile('self/limits')),
    maxOpenFiles: Number(procFile('sys/fs/nr_open')),
    oomScoreAdj: Number(procFile('self/oom_score_adj')),
    ...(initProgram === undefined ? {} : { initProgram }),
    thermalThrottlePaths: thermalThrottlePaths(),
    sysctls: ['net.ipv4.ip_unprivileged_port_start', 'net.ipv4.ping_group_range'].filter((name) =>
      fs.existsSync(`/proc/sys/${name.replaceAll('.', '/')}`),
    ),
    ...(resolvConf === undefined ? {} : { resolvConf }),
    ...(hosts === undefined ? {} : { hosts }),
  };
}

function thermalThrottlePaths(): readonly string[] {
  const folder = '/sys/devices/system/cpu';
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${folder}/${name}/thermal_throttle`)
    .filter((path) => fs.existsSync(path));
}

function realFile(path: string): string | undefined {
  return fs.statSync(path, { throwIfNoEntry: false })?.isFile() ? fs.realpathSync(path) : undefined;
}

/** The bounding set: a program that root starts has all of it again, whatever we have dropped. */
function ownCapabilities(): readonly string[] {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(procFile('self/status'))?.[1] ?? '0';
  return capabilitiesOfMask(BigInt(`0x${mask}`));
}

function procFile(name: string): string {
  try {
    return fs.readFileSync(`/proc/${name}`, 'utf8');
  } catch (error) {
    throw wrapError(`Reading /proc/${name} of this host`, error);
  }
}
