import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createErofsImage, writeVerityTree } from '@slipway/layers';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { plain, putFile } from './erofs-written.js';

const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const uuidText = '00112233-4455-6677-8899-aabbccddeeff';

/** The tree that the reference tool makes: its root, and its bytes. */
function reference(folder: ImageFolder, data: string, salt: Buffer): { readonly root: string; readonly tree: Buffer } {
  const hashes = folder.path('reference');
  const saltText = salt.length === 0 ? '-' : salt.toString('hex');
  const said = execFileSync('veritysetup', ['format', data, hashes, `--salt=${saltText}`, `--uuid=${uuidText}`], {
    encoding: 'utf8',
  });
  return { root: /Root hash:\s*([0-9a-f]+)/.exec(said)?.[1] ?? '', tree: readFileSync(hashes) };
}

test.each([
  [1, 32],
  [2, 32],
  [127, 0],
  [128, 32],
  [129, 7],
  [16_384, 32],
  [16_385, 256],
  [40_000, 0],
])('the tree of %i blocks with %i bytes of salt is what veritysetup makes', (blocks, saltBytes) => {
  using folder = new ImageFolder();
  const data = folder.path('data');
  const salt = Buffer.alloc(saltBytes, 0x5a);
  const bytes = Buffer.alloc(blocks * 4096);
  for (let block = 0; block < blocks; block++) bytes.writeUInt32LE(block, block * 4096);
  writeFileSync(data, bytes);
  const dataFd = openSync(data, 'r');
  const hashFd = openSync(folder.path('hashes'), 'w+');
  const made = writeVerityTree(dataFd, { dataBytes: bytes.length, hashFd, hashOffset: 0, salt, uuid });
  for (const fd of [dataFd, hashFd]) closeSync(fd);
  const { root, tree } = reference(folder, data, salt);
  expect(made.rootDigest).toBe(root);
  expect(made.end).toBe(tree.length);
  expect(readFileSync(folder.path('hashes')).equals(tree)).toBe(true);
});

test('a tree behind an image: both are good, and a changed byte shows', () => {
  using folder = new ImageFolder();
  const file = folder.path('image');
  const fd = openSync(file, 'w+');
  const writer = createErofsImage(fd, { form: 'flat', root: plain });
  for (let index = 0; index < 300; index++) putFile(writer, `f${index}`, Buffer.alloc(index * 100, index));
  const { bytes } = writer.finish();
  const { rootDigest, end } = writeVerityTree(fd, { dataBytes: bytes, hashFd: fd, hashOffset: bytes, salt: uuid, uuid });
  closeSync(fd);
  expect(statSync(file).size).toBe(end);
  fsck(file);
  const verify = (): number | null =>
    spawnSync('veritysetup', ['verify', file, file, rootDigest, `--hash-offset=${bytes}`], { encoding: 'utf8' }).status;
  expect(verify()).toBe(0);
  const damaged = readFileSync(file);
  damaged[bytes - 5000] = (damaged[bytes - 5000] ?? 0) ^ 1;
  writeFileSync(file, damaged);
  expect(verify()).not.toBe(0);
});

test('data that is no whole blocks has no tree', () => {
  using folder = new ImageFolder();
  const fd = openSync(folder.path('x'), 'w+');
  const options = { hashFd: fd, hashOffset: 0, salt: uuid, uuid };
  expect(() => writeVerityTree(fd, { ...options, dataBytes: 0 })).toThrow('a hash tree of 0 bytes');
  expect(() => writeVerityTree(fd, { ...options, dataBytes: 4097 })).toThrow('a hash tree of 4097 bytes');
  const empty = openSync(folder.path('empty'), 'w+');
  expect(() => writeVerityTree(empty, { ...options, dataBytes: 4096 })).toThrow('shorter');
  for (const open of [fd, empty]) closeSync(open);
});
