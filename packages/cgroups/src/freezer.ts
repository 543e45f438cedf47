import path from 'node:path';
import { type Cgroup, directoryOf, isUnified } from './cgroup.js';
import { parseKeyed, readKernelFile } from './kernel-file.js';

/** Every process of it has stopped because somebody froze it. */
export function isFrozen(cgroup: Cgroup): boolean {
  const directory = directoryOf(cgroup, 'freezer');
  if (directory === undefined) return false;
  if (isUnified(cgroup)) return parseKeyed(readKernelFile(path.join(directory, 'cgroup.events'))).get('frozen') === 1n;
  return readKernelFile(path.join(directory, 'freezer.state'))?.trim() === 'FROZEN';
}
