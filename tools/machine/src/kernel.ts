import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { machinePlatform } from './platform.ts';

/** Brings in Debian's kernel for clouds, which is not installed, and answers with the folder of its modules: its name is the kernel's version. */
export function unpackKernel(work: string, kernel: string): string {
  mkdirSync(work, { recursive: true });
  const { kernelPackage } = machinePlatform();
  const depends = execFileSync('apt-cache', ['depends', '--important', kernelPackage], { encoding: 'utf8' });
  const name = /^\s*\|?Depends: (linux-image-\d\S*)$/m.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel by ${kernelPackage}: the machine is made of Debian's packages`);
  // apt's own user may not write here.
  execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work, stdio: 'pipe' });
  const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get brought no package ${name}`);
  execFileSync('dpkg-deb', ['--extract', archive, 'tree'], { cwd: work, stdio: 'pipe' });
  const boot = path.join(work, 'tree/boot');
  const image = readdirSync(boot).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`package ${name} has no kernel`);
  copyFileSync(path.join(boot, image), kernel);
  return path.join(work, 'tree/lib/modules', image.slice('vmlinuz-'.length));
}
