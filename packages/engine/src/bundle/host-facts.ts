import * as fs from 'node:fs';
import * as os from 'node:os';

/** What a spec depends on and the image cannot say. Plain data, so that a test can describe another host. */
export interface HostFacts {
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly kernel: { readonly major: number; readonly minor: number };
  /** 2: one unified hierarchy. 1: a hierarchy for each controller, also in hybrid form. */
  readonly cgroupVersion: 1 | 2;
  readonly hostname: string;
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
  return {
    architecture: architectures[process.arch] ?? process.arch,
    kernel: { major, minor },
    cgroupVersion: fs.existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1,
    hostname: os.hostname(),
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
