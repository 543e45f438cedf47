import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ImageFolder } from './erofs-folder.js';

/** Makes an image in a process whose memory nothing else fills, and tells the most that it took, in MiB. */
function mostMemory(fill: string): number {
  using folder = new ImageFolder();
  const child = `
    import { openSync, readFileSync } from 'node:fs';
    import { createErofsImage } from '@slipway/layers';
    const plain = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };
    const writer = createErofsImage(openSync(process.argv[1], 'w+'), { form: 'flat', root: plain });
    ${fill}
    writer.finish();
    console.log(/^VmHWM:\\s*(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', child, folder.path('image')], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return Number(said) / 1024;
}

// Node and what it loads take 60 to 80 MiB.
test('a million names take less than 200 bytes each', () => {
  const most = mostMemory(`
    for (let index = 0, directory; index < 1_000_000; index++) {
      if (index % 1000 === 0) directory = writer.makeDirectory(writer.root, 'directory-' + index, plain);
      writer.makeFile(directory, 'a-name-of-a-file-' + index, plain, { kind: 'empty' });
    }`);
  expect(most).toBeLessThan(80 + (1e6 * 200) / 2 ** 20 + 100);
});

test('targets of links are not kept: half a gigabyte of them', () => {
  const most = mostMemory(`
    for (let index = 0; index < 130_000; index++) writer.makeSymlink(writer.root, 'link-' + index, plain, (index + '/').repeat(800).slice(0, 4000));`);
  expect(most).toBeLessThan(250);
});

test('nor values of attributes: 400 megabytes', () => {
  const most = mostMemory(`
    for (let index = 0; index < 8000; index++) {
      const xattrs = [{ name: 'user.x', value: Buffer.alloc(50_000, index + ' ') }];
      writer.makeFile(writer.root, 'file-' + index, { ...plain, xattrs }, { kind: 'empty' });
    }`);
  expect(most).toBeLessThan(250);
});

test('nor ends of files: 500 megabytes of them', () => {
  const most = mostMemory(`
    const tail = Buffer.alloc(2000, 'tail');
    for (let index = 0; index < 250_000; index++) {
      writer.beginFile(tail.length);
      writer.writeFile(tail, 0, tail.length, 0);
      writer.makeFile(writer.root, 'file-' + index, plain, writer.endFile());
    }`);
  expect(most).toBeLessThan(300);
});

test('attributes that are all different and small end in an error before they fill the memory', () => {
  const fill = `
    for (let index = 0; ; index++) {
      const xattrs = Array.from({ length: 100 }, (_, number) => ({ name: 'user.' + number, value: Buffer.from('some value ' + index) }));
      writer.setAttributes(writer.root, { ...plain, xattrs });
    }`;
  expect(() => mostMemory(fill)).toThrow('EROFS_TOO_LARGE');
});
