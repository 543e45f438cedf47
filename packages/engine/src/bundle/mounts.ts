import type { ContainerSettings, RuntimeMount } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';
import type { Isolation, Sharing } from './isolation.js';
import type { RootFiles } from './root-files.js';

/** Where the kernel's own file systems go. */
const kernelFolders = ['/proc', '/dev', '/sys'] as const;

const defaultShmBytes = 64 * 1024 * 1024;
const guarded = ['nosuid', 'noexec', 'nodev'] as const;

/**
 * The kernel's own file systems, as Docker mounts them. On cgroup v1 `cgroup` stands for one mount for each hierarchy. Whoever shares the
 * host's IPC has the host's shared memory and message queues; a privileged container may write to /sys.
 *
 * With the host's network also the host's name service files, read-only: the image's own know nothing of this host. A file that the host
 * replaces later stays the old one in containers that run. Errors: `SHM_SIZE_INVALID`.
 */
export function kernelMounts(
  { privileged = false, shmSize }: Pick<ContainerSettings, 'privileged' | 'shmSize'>,
  isolation: Pick<Isolation, 'ipc' | 'network'>,
  host: Pick<HostFacts, 'resolvConf' | 'hosts'>,
): readonly RuntimeMount[] {
  const written = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: guarded },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      // gid 5 is tty in every distribution.
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...guarded, written] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...guarded, written] },
    ...ipcMounts(shmSize, isolation.ipc),
    ...(isolation.network === 'host' ? nameServiceMounts(host) : []),
  ];
}

/** Message queues are those of the namespace, whoever mounts them; shared memory is a folder. */
function ipcMounts(shmSize: number | undefined, ipc: Sharing): readonly RuntimeMount[] {
  const queues: RuntimeMount = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: guarded };
  if (ipc === 'host') {
    if (shmSize !== undefined) throw wrongShm(shmSize, "cannot be set for a container that has the host's");
    return [queues, { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', ...guarded] }];
  }
  const bytes = shmSize ?? defaultShmBytes;
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw wrongShm(bytes, 'is not a whole number of bytes above 0');
  return [queues, { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...guarded, 'mode=1777', `size=${bytes}`] }];
}

function wrongShm(value: number, why: string) {
  return invalid('SHM_SIZE_INVALID', `Size of /dev/shm ${quote(String(value))} ${why}`, { hint: 'as in: --shm-size 64m' });
}

function nameServiceMounts(host: Pick<HostFacts, 'resolvConf' | 'hosts'>): readonly RuntimeMount[] {
  const files = [
    { destination: '/etc/resolv.conf', source: host.resolvConf },
    { destination: '/etc/hosts', source: host.hosts },
  ];
  return files.flatMap(({ destination, source }) =>
    source === undefined ? [] : [{ destination, type: 'bind', source, options: ['bind', 'ro', ...guarded] }],
  );
}

/**
 * How mounts of the container's root pass on what is mounted below: as far as the mount that wants it most, for a shared one must not lie
 * below a private root. Undefined where none asks for more than its own.
 */
export function rootPropagation(mounts: readonly RuntimeMount[]): 'shared' | 'rslave' | undefined {
  const asked = new Set(mounts.flatMap(({ options = [] }) => options));
  if (asked.has('shared') || asked.has('rshared')) return 'shared';
  return asked.has('slave') || asked.has('rslave') ? 'rslave' : undefined;
}

/**
 * What the image has where these file systems go must be a folder. runc 1.1 follows a link in place of /dev before it has changed its
 * root: it then makes and removes entries in a folder of the host. Errors: `MOUNT_POINT_INVALID`.
 */
export function checkMountPoints(root: RootFiles): void {
  for (const destination of kernelFolders) {
    const found = root.find(destination, { followLast: false });
    if (found === undefined || found.kind === 'directory') continue;
    throw invalid(
      'MOUNT_POINT_INVALID',
      `${quote(destination)} of the image is ${found.kind === 'symlink' ? 'a symbolic link' : 'a file'}, expected a directory`,
      { hint: 'the image is broken or hostile; its maker must push it again', details: { path: destination } },
    );
  }
}
