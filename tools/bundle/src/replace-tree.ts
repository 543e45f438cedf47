import { existsSync, renameSync, rmSync } from 'node:fs';
import koffi from 'koffi';

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** Puts the tree `fresh` in the place of `target` in one step, so that there is always one, and removes the old one. Same file system. */
export function replaceTree(fresh: string, target: string): void {
  if (existsSync(target) && !exchange(fresh, target)) rmSync(target, { recursive: true });
  if (!existsSync(target)) renameSync(fresh, target);
  rmSync(fresh, { recursive: true, force: true });
}

/** False where the file system cannot. */
function exchange(one: string, other: string): boolean {
  const renameat2 = koffi.load(null).func('int renameat2(int from, const char *old, int to, const char *new, uint flags)');
  return (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) as number) === 0;
}
