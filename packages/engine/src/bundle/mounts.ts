import type { RuntimeMount } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';
import type { RootFiles } from './root-files.js';

/** The kernel's own file systems, as Docker mounts them. On cgroup v1 `cgroup` stands for one read-only mount for each hierarchy. */
const kernelMounts: readonly RuntimeMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    // gid 5 is tty in every distribution.
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'] },
];

/**
 * With the host's network also the host's name service files, read-only: the image's own know nothing of this host. A file
 * that the host replaces later stays the old one in containers that run.
 */
export function mounts(network: 'none' | 'host', host: HostFacts): readonly RuntimeMount[] {
  if (network === 'none') return kernelMounts;
  const files = [
    { destination: '/etc/resolv.conf', source: host.resolvConf },
    { destination: '/etc/hosts', source: host.hosts },
  ];
  return [
    ...kernelMounts,
    ...files.flatMap(({ destination, source }) =>
      source === undefined ? [] : [{ destination, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'noexec', 'nodev'] }],
    ),
  ];
}

/**
 * What the image has where these file systems go must be a folder. runc 1.1 follows a link in place of /dev before it has changed its
 * root: it then makes and removes entries in a folder of the host. Errors: `MOUNT_POINT_INVALID`.
 */
export function checkMountPoints(root: RootFiles): void {
  for (const { destination } of kernelMounts) {
    // Below another of these nothing of the image is left.
    if (destination.indexOf('/', 1) !== -1) continue;
    const found = root.find(destination, { followLast: false });
    if (found === undefined || found.kind === 'directory') continue;
    throw invalid(
      'MOUNT_POINT_INVALID',
      `${quote(destination)} of the image is ${found.kind === 'symlink' ? 'a symbolic link' : 'a file'}, expected a directory`,
      { hint: 'the image is broken or hostile; its maker must push it again', details: { path: destination } },
    );
  }
}
