import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { machinePlatform } from './platform.ts';

/** Debian's kernel for clouds, brought in by apt and taken apart, not installed. */
export interface CloudKernel {
  /** A bzImage. */
  readonly kernel: string;
  /** The folder of its modules: its name is the kernel's version. */
  readonly modules: string;
}

/** Brings it in when it is not in the cache; several processes may ask at once, and one of them does. */
export function cloudKernel(): CloudKernel {
  const folder = cacheFolder();
  if (!existsSync(folder)) {
    mkdirSync(path.dirname(folder), { recursive: true });
    const main = path.join(import.meta.dirname, 'main.ts');
    execFileSync('flock', [`${folder}.lock`, process.execPath, main, 'kernel'], { stdio: ['ignore', 'ignore', 'pipe'] });
  }
  const boot = path.join(folder, 'boot');
  const image = readdirSync(boot).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`there is no kernel in ${boot}`);
  return { kernel: path.join(boot, image), modules: path.join(folder, 'lib/modules', image.slice('vmlinuz-'.length)) };
}

/** In a folder beside, which then takes its name in one step. */
export function makeCloudKernel(): void {
  const folder = cacheFolder();
  if (existsSync(folder)) return;
  const work = mkdtempSync(`${folder}.`);
  try {
    const { kernelPackage } = machinePlatform();
    const depends = execFileSync('apt-cache', ['depends', '--important', kernelPackage], { encoding: 'utf8' });
    const name = /^\s*\|?Depends: (linux-image-\d\S*)$/m.exec(depends)?.[1];
    if (name === undefined) throw new Error(`apt knows no kernel by ${kernelPackage}: the machine is made of Debian's packages`);
    // apt's own user may not write here.
    execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work, stdio: 'pipe' });
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get brought no package ${name}`);
    execFileSync('dpkg-deb', ['--extract', archive, 'tree'], { cwd: work, stdio: 'pipe' });
    renameSync(path.join(work, 'tree'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Named by the release and this recipe, not by all that a machine is made of: more than machines start from it. */
function cacheFolder(): string {
  const hash = createHash('sha256')
    .update(readFileSync('/etc/os-release'))
    .update(process.arch)
    .update(readFileSync(import.meta.filename));
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return path.join(cache, 'slipway-fixtures', `kernel-${hash.digest('hex').slice(0, 16)}`);
}
