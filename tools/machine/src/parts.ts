import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { cloudKernel } from './kernel.ts';
import { makeRootDisk } from './root-disk.ts';

/** What a machine starts from, and what every boot has in common: nothing of this repository is in it. */
export interface MachineParts {
  readonly kernel: string;
  /** Debian with systemd, runc and what Node needs. Never written to. */
  readonly rootDisk: string;
}

/** Makes them when they are not in the cache, which takes a minute; several processes may ask at once, and one of them makes them. */
export function machineParts(): MachineParts {
  const folder = cacheFolder();
  if (!existsSync(folder)) {
    mkdirSync(path.dirname(folder), { recursive: true });
    const main = path.join(import.meta.dirname, 'main.ts');
    execFileSync('flock', [`${folder}.lock`, process.execPath, main, 'make'], { stdio: ['ignore', 'ignore', 'pipe'] });
  }
  return { kernel: path.join(folder, 'kernel'), rootDisk: path.join(folder, 'root.ext4') };
}

/** All in a folder beside, which then takes its name in one step. */
export async function makeParts(): Promise<void> {
  const folder = cacheFolder();
  if (existsSync(folder)) return;
  mkdirSync(path.dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.`);
  try {
    const { kernel, modules } = cloudKernel();
    copyFileSync(kernel, path.join(work, 'kernel'));
    await makeRootDisk(path.join(work, 'root.ext4'), path.join(work, 'tree'), modules);
    for (const name of readdirSync(work))
      if (name !== 'kernel' && name !== 'root.ext4') rmSync(path.join(work, name), { recursive: true });
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Named by these sources and the release, so that a changed recipe never meets an old cache. */
function cacheFolder(): string {
  const hash = createHash('sha256').update(readFileSync('/etc/os-release')).update(process.arch);
  for (const file of readdirSync(import.meta.dirname).toSorted()) hash.update(readFileSync(path.join(import.meta.dirname, file)));
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return path.join(cache, 'slipway-fixtures', `machine-${hash.digest('hex').slice(0, 16)}`);
}
