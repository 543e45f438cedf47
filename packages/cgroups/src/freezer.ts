import path from 'node:path';
import { type Cgroup, directoryOf, isUnified } from './cgroup.js';
import { parseCount, parseKeyed, readKernelFile } from './kernel-file.js';

/** Somebody froze it. Its processes have stopped, or stop as soon as each of them comes back from the kernel. */
export function isFrozen(cgroup: Cgroup): boolean {
  const directory = directoryOf(cgroup, 'freezer');
  if (directory === undefined) return false;
  const read = (name: string): string | undefined => readKernelFile(path.join(directory, name));
  if (isUnified(cgroup))
    return parseCount(read('cgroup.freeze')) === 1n || parseKeyed(read('cgroup.events')).get('frozen') === 1n;
  return ['FROZEN', 'FREEZING'].includes(read('freezer.state')?.trim() ?? '');
}
