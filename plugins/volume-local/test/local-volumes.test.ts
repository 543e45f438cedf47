import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { Mount, VolumeDriver } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSubject } from './subject.ts';

let root: string;
let driver: VolumeDriver;
let close: () => Promise<void>;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-volume-local-'));
  const subject = await openSubject(root);
  driver = subject.instance;
  close = async () => subject[Symbol.asyncDispose]();
});

afterEach(async () => {
  await driver.cleanup(new Set());
  await close();
  rmSync(root, { recursive: true, force: true });
});

const mountpoints = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(root));

function inMount<T>(mount: Mount, look: (folder: string) => T): T {
  const tree = linux.mountDetached([mount]);
  try {
    return look(`/proc/self/fd/${tree}`);
  } finally {
    closeSync(tree);
  }
}

test('folders and modes are as docker has them, whatever the umask', async () => {
  const umask = process.umask(0o077);
  try {
    const { mountpoint = '' } = await driver.create('v');
    expect(mountpoint).toBe(path.join(root, 'plugin/volumes/v/_data'));
    expect(statSync(mountpoint).mode & 0o7777).toBe(0o755);
    expect(statSync(path.dirname(mountpoint)).mode & 0o7777).toBe(0o701);
    expect(statSync(path.join(root, 'plugin/volumes')).mode & 0o7777).toBe(0o700);
  } finally {
    process.umask(umask);
  }
});

test('a tmpfs is one for all users, there from the first one to the last, and gone after', async () => {
  await driver.create('v', { options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=750,uid=7,gid=8' } });
  expect((await driver.inspect('v')).mountpoint).toBeUndefined();
  expect(mountpoints()).toEqual([]);
  const [one, two] = [await driver.mount('v', 'one'), await driver.mount('v', 'two')];
  inMount(one, (folder) => {
    writeFileSync(`${folder}/file`, 'text');
    expect(() => writeFileSync(`${folder}/big`, Buffer.alloc(1_100_000))).toThrow('ENOSPC');
  });
  inMount(two, (folder) => {
    expect(readFileSync(`${folder}/file`, 'utf8')).toBe('text');
    expect(statSync(folder)).toMatchObject({ uid: 7, gid: 8, mode: 0o40750 });
  });
  await driver.unmount('v', 'one');
  expect(mountpoints()).toHaveLength(1);
  await driver.unmount('v', 'two');
  expect(mountpoints()).toEqual([]);
  inMount(await driver.mount('v', 'three'), (folder) => expect(existsSync(`${folder}/file`)).toBe(false));
  await driver.unmount('v', 'three');
  await driver.remove('v');
});

test('users that are no more leave no tmpfs mounted', async () => {
  await driver.create('v', { options: { type: 'tmpfs' } });
  await driver.mount('v', 'gone');
  await driver.cleanup(new Set());
  expect(mountpoints()).toEqual([]);
  await driver.remove('v');
});

test('a folder of this host is used as it is, and is not removed with the volume', async () => {
  const device = path.join(root, 'mine');
  await driver.create('v', { options: { type: 'none', o: 'bind', device } });
  await driver.create('r', { options: { type: 'none', o: 'bind,ro', device } });
  await expect(driver.mount('v', 'one')).rejects.toMatchObject({ kind: 'failed-precondition', code: 'VOLUME_SOURCE_GONE' });
  mkdirSync(device);
  inMount(await driver.mount('v', 'one'), (folder) => writeFileSync(`${folder}/file`, 'text'));
  inMount(await driver.mount('r', 'one'), (folder) => expect(() => writeFileSync(`${folder}/file`, '')).toThrow('EROFS'));
  expect(await driver.usage('v')).toMatchObject({ files: 1 });
  for (const name of ['v', 'r']) {
    await driver.unmount(name, 'one');
    await driver.remove(name);
  }
  expect(readFileSync(path.join(device, 'file'), 'utf8')).toBe('text');
});

test.each([
  [{ size: '10g' }, 'option "size" is not known'],
  [{ type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' }, 'type="nfs"'],
  [{ type: 'ext4', device: '/dev/sda1' }, 'type="ext4"'],
  [{ device: '/x' }, 'need "type"'],
  [{ o: 'bind' }, 'need "type"'],
  [{ type: 'none', device: '/x' }, 'without o=bind'],
  [{ type: 'none', o: 'bind' }, 'expected the absolute path'],
  [{ type: 'none', o: 'bind', device: 'x' }, 'expected the absolute path'],
  [{ type: 'none', o: 'bind', device: '/x/../etc' }, 'expected the absolute path'],
  [{ type: 'none', o: 'bind', device: '/' }, 'expected the absolute path'],
  [{ type: 'none', o: 'bind', device: '/x\0' }, 'no text'],
  [{ type: 'none', o: 'bind,suid', device: '/x' }, '"suid"'],
  [{ type: 'none', o: 'bind,ro,rw', device: '/x' }, 'says a thing twice'],
  [{ type: 'none', o: 'bind,bind', device: '/x' }, 'says a thing twice'],
  [{ type: 'tmpfs', device: '/dev/sda' }, 'device="/dev/sda"'],
  [{ type: 'tmpfs', o: 'size=0' }, '"size=0"'],
  [{ type: 'tmpfs', o: 'size=1m,size=2m' }, '"size" twice'],
  [{ type: 'tmpfs', o: 'mode=999' }, '"mode=999"'],
  [{ type: 'tmpfs', o: 'suid' }, '"suid"'],
  [{ type: 'tmpfs', o: 'context=x' }, '"context=x"'],
  [{ type: 'tmpfs', o: '' }, '""'],
  [{ type: 'tmpfs', o: '__proto__=1' }, '"__proto__=1"'],
] as const)('options %j are refused: %s', async (options, why) => {
  await expect(driver.create('v', { options })).rejects.toMatchObject({ code: 'VOLUME_OPTION_INVALID' });
  await expect(driver.create('v', { options })).rejects.toThrow(why);
  expect(await driver.list()).toEqual([]);
});

test('what cannot be deleted of one volume keeps no other one, and is told', async () => {
  await driver.create('stuck');
  await driver.create('other');
  const { mountpoint = '' } = await driver.inspect('stuck');
  writeFileSync(`${mountpoint}/file`, '');
  execFileSync('chattr', ['+i', `${mountpoint}/file`]);
  let kept = '';
  try {
    await expect(driver.remove('stuck')).rejects.toMatchObject({ kind: 'permission-denied' });
    await expect(driver.inspect('stuck')).rejects.toMatchObject({ kind: 'not-found' });
    await driver.remove('other');
    await expect(driver.cleanup(new Set())).rejects.toMatchObject({ kind: 'permission-denied' });
  } finally {
    kept = execFileSync('find', [path.join(root, 'plugin/trash'), '-name', 'file'], { encoding: 'utf8' }).trim();
    execFileSync('chattr', ['-i', kept]);
  }
  await driver.cleanup(new Set());
  expect(existsSync(kept)).toBe(false);
});

test('a volume whose file says nothing is told as damaged, with what is in it left alone', async () => {
  const { mountpoint = '' } = await driver.create('v');
  writeFileSync(path.join(path.dirname(mountpoint), 'volume.json'), '{"version":1');
  await expect(driver.inspect('v')).rejects.toMatchObject({ kind: 'data-loss', code: 'VOLUME_DAMAGED' });
  await expect(driver.create('v')).rejects.toMatchObject({ kind: 'data-loss' });
  chmodSync(mountpoint, 0o700);
  expect(existsSync(mountpoint)).toBe(true);
});
