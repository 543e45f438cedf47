import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findAgent, guestImage } from '@slipway/guest';
import { cloudKernel } from '@slipway/machine';
import { expect, it, onTestFinished } from 'vitest';
import { temp } from './temp.js';

const kernel = cloudKernel();
const child = fileURLToPath(new URL('image-child.ts', import.meta.url));
const isKey = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
const keysIn = (images: string): readonly string[] => readdirSync(images).filter(isKey);

it('is made once, and is readable for others, whatever the umask is', async () => {
  const images = path.join(temp(), 'images');
  const umask = process.umask(0o077);
  onTestFinished(() => void process.umask(umask));
  const image = await guestImage(images, kernel);
  expect(image.form).toBe('vmlinux');
  expect(path.dirname(image.kernel)).toBe(path.join(images, image.key));
  const made = statSync(image.initrd);
  for (const file of [image.kernel, image.initrd]) expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(statSync(path.dirname(image.kernel)).mode & 0o777).toBe(0o755);
  expect(await guestImage(images, kernel)).toEqual(image);
  expect(statSync(image.initrd)).toEqual(made);
  expect(readdirSync(images).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('is another one when one of its files has changed, and the old one when that is back', async () => {
  const folder = temp();
  const images = path.join(folder, 'images');
  const agent = path.join(folder, 'agent');
  copyFileSync(findAgent(), agent);
  const first = await guestImage(images, { ...kernel, agent });
  writeFileSync(agent, 'another');
  const second = await guestImage(images, { ...kernel, agent });
  expect(second.key).not.toBe(first.key);
  copyFileSync(findAgent(), agent);
  expect((await guestImage(images, { ...kernel, agent })).key).toBe(first.key);
  // By another path it is the same image.
  const link = path.join(folder, 'link');
  symlinkSync(agent, link);
  expect((await guestImage(images, { ...kernel, agent: link })).key).toBe(first.key);
});

it('is made again when what is kept is damaged', async () => {
  const images = path.join(temp(), 'images');
  const image = await guestImage(images, kernel);
  const content = readFileSync(image.initrd);
  const known = (text: string): void => {
    for (const name of readdirSync(images).filter((one) => one.startsWith('known-')))
      writeFileSync(path.join(images, name), text);
  };
  const damages = [
    () => truncateSync(image.initrd, 1000),
    () => rmSync(image.kernel),
    () => writeFileSync(path.join(images, image.key, 'manifest.json'), '{"form":'),
    () => rmSync(path.join(images, image.key), { recursive: true }),
    () => known('[]'),
    () => known(JSON.stringify({ key: image.key, sources: [1] })),
    () => known(JSON.stringify({ key: '../..', sources: [] })),
  ];
  for (const damage of damages) {
    damage();
    expect(await guestImage(images, kernel)).toEqual(image);
    expect(readFileSync(image.initrd).equals(content)).toBe(true);
    expect(readdirSync(images).filter((name) => name.startsWith('.'))).toEqual([]);
  }
});

it('is the same for processes that ask at once', async () => {
  const images = path.join(temp(), 'images');
  const ask = () => promisify(execFile)(process.execPath, [child, images, kernel.kernel, kernel.modules]);
  const answers = await Promise.all([ask(), ask(), ask(), ask()]);
  expect(new Set(answers.map(({ stdout }) => stdout))).toEqual(new Set(keysIn(images)));
  expect(readdirSync(images).filter((name) => name.startsWith('.'))).toEqual([]);
});

it.each(['guest.image.durable', 'guest.image.named'])('is whole or not there when the process is killed at %s', async (step) => {
  const images = path.join(temp(), 'images');
  const killed = spawnSync(process.execPath, [child, images, kernel.kernel, kernel.modules, step]);
  expect(killed.signal).toBe('SIGKILL');
  expect(keysIn(images).length).toBe(step === 'guest.image.named' ? 1 : 0);
  const { key } = await guestImage(images, kernel);
  expect(keysIn(images)).toEqual([key]);
});

it('removes what is old: a few images stay, and those that are used; of half ones nothing', async () => {
  const images = path.join(temp(), 'images');
  const key = (digit: number): string => String(digit).repeat(64);
  const aged = (name: string, hours: number): void => {
    mkdirSync(path.join(images, name), { recursive: true });
    writeFileSync(path.join(images, name, 'initrd'), 'x');
    const time = new Date(Date.now() - hours * 3_600_000);
    utimesSync(path.join(images, name), time, time);
  };
  for (const digit of [1, 2, 3, 4, 5]) aged(key(digit), digit + 1);
  aged(key(6), 0.1);
  aged('.unfinished-old', 2);
  aged('.unfinished-new', 0.1);
  writeFileSync(path.join(images, 'known-x.json'), JSON.stringify({ key: key(5), sources: [] }));
  const image = await guestImage(images, { ...kernel, used: () => [key(4)] });
  // The three that were used last, and the one that is in use.
  expect(new Set(keysIn(images))).toEqual(new Set([image.key, key(6), key(1), key(4)]));
  const others = readdirSync(images).filter((name) => !isKey(name));
  expect(others).toEqual(['.unfinished-new', expect.stringMatching(/^known-[0-9a-f]{32}\.json$/)]);
});

it('leaves nothing on a full disk, and says so', async () => {
  const folder = temp();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'none', folder]);
  try {
    await expect(guestImage(path.join(folder, 'images'), kernel)).rejects.toMatchObject({ kind: 'resource-exhausted' });
    expect(readdirSync(path.join(folder, 'images'))).toEqual([]);
  } finally {
    execFileSync('umount', [folder]);
  }
});

it('stops when it is told to', async () => {
  const images = path.join(temp(), 'images');
  await expect(guestImage(images, kernel, AbortSignal.abort())).rejects.toMatchObject({ kind: 'canceled' });
  const controller = new AbortController();
  const asked = guestImage(images, kernel, controller.signal);
  controller.abort();
  await expect(asked).rejects.toMatchObject({ kind: 'canceled' });
  expect(keysIn(images)).toEqual([]);
});

it('says what is missing', async () => {
  const images = path.join(temp(), 'images');
  await expect(guestImage(images, { kernel: '/nowhere' })).rejects.toMatchObject({ code: 'KERNEL_MISSING' });
  await expect(guestImage(images, { ...kernel, crun: '/nowhere' })).rejects.toMatchObject({ code: 'GUEST_RUNTIME_MISSING' });
  await expect(guestImage(images, { ...kernel, agent: '/nowhere' })).rejects.toMatchObject({ code: 'AGENT_MISSING' });
  const text = path.join(temp(), 'kernel');
  writeFileSync(text, 'no kernel');
  await expect(guestImage(images, { ...kernel, kernel: text })).rejects.toMatchObject({ code: 'KERNEL_UNREADABLE' });
});
