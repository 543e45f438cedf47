import { existsSync } from 'node:fs';
import type { Tool } from './tool.js';
import { nameOf } from './version.js';

const unified = '/sys/fs/cgroup/unified';

/**
 * Directories whose mounts the tool must not see. crun refuses to create where a unified hierarchy is mounted beside those of v1; without it
 * the host is one of v1 to it, which it can use.
 */
export async function hiddenHierarchies(tool: Tool): Promise<readonly string[]> {
  const isHybrid = tool.machine === undefined && existsSync(`${unified}/cgroup.procs`);
  return isHybrid && (await nameOf(tool)) === 'crun' ? [unified] : [];
}
