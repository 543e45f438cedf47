import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createErofsImage, type ErofsForm, resumeErofsImage } from '@slipway/layers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { type Items, listByKernel, listByReader } from './erofs-listing.js';
import { type Archive, forms, Model, type ModelAttributes, modelAttributes, type Operation, operations } from './erofs-model.js';

const runs = Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 150);

interface Built {
  readonly image: string;
  readonly devices: readonly string[];
  readonly items: Items;
}

function build(folder: ImageFolder, form: ErofsForm, root: ModelAttributes, all: readonly Operation[], name: string): Built {
  const image = folder.path(name);
  const archive: Archive | undefined = form === 'tar-index' ? { parts: [], bytes: 0 } : undefined;
  const fd = openSync(image, 'w+');
  const writer = createErofsImage(fd, { form, root, identity: 'test' });
  const model = new Model(writer, root, archive);
  for (const operation of all) model.do(operation);
  writer.finish({ tarSize: archive?.bytes });
  closeSync(fd);
  if (!archive) return { image, devices: [], items: model.items() };
  writeFileSync(`${image}.tar`, Buffer.concat(archive.parts));
  return { image, devices: [`${image}.tar`], items: model.items() };
}

test('whatever is written, the kernel and the reader show', () => {
  fc.assert(
    fc.property(forms, modelAttributes, operations, (form, root, all) => {
      using folder = new ImageFolder();
      const { image, devices, items } = build(folder, form, root, all, 'image');
      expect(listByReader(image, devices)).toEqual(items);
      expect(listByKernel(image, devices)).toEqual(items);
      if (form === 'flat') fsck(image);
    }),
    { numRuns: runs },
  );
});

test('the same calls give the same bytes', () => {
  fc.assert(
    fc.property(forms, modelAttributes, operations, (form, root, all) => {
      using folder = new ImageFolder();
      const [one, two] = [build(folder, form, root, all, 'one'), build(folder, form, root, all, 'two')];
      expect(readFileSync(one.image).equals(readFileSync(two.image))).toBe(true);
    }),
    { numRuns: runs / 5 },
  );
});

test('an image that was put aside gets the bytes that it would have had', () => {
  fc.assert(
    fc.property(modelAttributes, operations, operations, (root, before, after) => {
      using folder = new ImageFolder();
      const written = [false, true].map((stops) => {
        const image = folder.path(stops ? 'stopped' : 'whole');
        const fd = openSync(image, 'w+');
        let writer = createErofsImage(fd, { form: 'flat', root });
        const first = new Model(writer, root);
        for (const operation of before) first.do(operation);
        if (stops) {
          writer.suspend();
          writer = resumeErofsImage(fd);
        }
        const directory = writer.makeDirectory(writer.root, 'after', root);
        const second = new Model(writer, root, undefined, directory);
        for (const operation of after) second.do(operation);
        writer.finish();
        closeSync(fd);
        return readFileSync(image);
      });
      expect(written[0]?.equals(written[1] ?? Buffer.alloc(0))).toBe(true);
    }),
    { numRuns: runs / 5 },
  );
});
