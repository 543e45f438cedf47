import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { debianTrees } from '@slipway/fixtures/debian';
import { makeDisk } from './disk.ts';
import { machinePlatform } from './platform.ts';

const packages = ['systemd-sysv', 'dbus', 'kmod', 'runc', 'busybox-static', 'libatomic1'];

/** Disks, serial lines, cgroups and ext4 are in the kernel itself; these it loads. */
const modules = ['kernel/fs/overlayfs/overlay.ko', 'kernel/block/bfq.ko'];

/** Room for what is made in a machine; the file is sparse. */
const megabytes = 2048;

/** Runs what is on the second disk as soon as systemd is up, with the second serial line as its output, and turns the machine off. */
const unit = `[Unit]
Description=What is on the second disk
After=basic.target dbus.service
Requires=dbus.service

[Service]
Type=oneshot
ExecStartPre=/bin/mount -o ro /dev/nvme0n2 /machine
ExecStart=/bin/sh /machine/start
ExecStopPost=/bin/systemctl --no-block --force poweroff
StandardInput=null
StandardOutput=file:/dev/${machinePlatform().consoles[1]}
StandardError=inherit
TimeoutStartSec=infinity
KillMode=mixed
`;

export async function makeRootDisk(file: string, tree: string, moduleFolder: string): Promise<void> {
  const work = path.dirname(file);
  await debianTrees(work, { machine: packages });
  mkdirSync(tree);
  execFileSync('tar', ['-C', tree, '--xattrs', '--xattrs-include=*', '-xf', path.join(work, 'machine.tar')], { stdio: 'pipe' });
  const version = path.basename(moduleFolder);
  const to = path.join(tree, 'lib/modules', version);
  mkdirSync(to, { recursive: true });
  for (const module of modules) copyFileSync(path.join(moduleFolder, module), path.join(to, path.basename(module)));
  execFileSync('chroot', [tree, 'depmod', version], { stdio: 'pipe' });
  const units = path.join(tree, 'etc/systemd/system');
  writeFileSync(path.join(units, 'machine.service'), unit);
  writeFileSync(path.join(tree, 'etc/modules-load.d/machine.conf'), 'overlay\nbfq\n');
  mkdirSync(path.join(tree, 'machine'));
  // More than half of the time of a boot, and nothing in a test needs them. Without a journal systemd says what it has to say to the kernel's console.
  for (const name of masked) symlinkSync('/dev/null', path.join(units, name));
  makeDisk(file, tree, megabytes);
}

const masked = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-ask-password-console.path',
  'systemd-ask-password-wall.path',
  'systemd-journal-flush.service',
  'systemd-journald-audit.socket',
  'systemd-journald-dev-log.socket',
  'systemd-journald.service',
  'systemd-journald.socket',
  'systemd-random-seed.service',
  'systemd-sysctl.service',
  'systemd-sysusers.service',
  'systemd-timesyncd.service',
  'systemd-tmpfiles-clean.timer',
  'systemd-tmpfiles-setup-dev.service',
  'systemd-tmpfiles-setup.service',
  'systemd-update-utmp.service',
];
