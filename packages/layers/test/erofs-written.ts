import { closeSync, openSync, statSync } from 'node:fs';
import { createErofsImage, type ErofsForm, type ErofsImageWriter } from '@slipway/layers';
import { expect } from 'vitest';
import { fsck, type ImageFolder } from './erofs-folder.js';
import { type Items, listByKernel, listByReader } from './erofs-listing.js';
import type { ModelAttributes } from './erofs-model.js';

export const plain: ModelAttributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

export function xattrs(...values: readonly (readonly [string, Buffer])[]): ModelAttributes {
  return { ...plain, xattrs: values.map(([name, value]) => ({ name, value })) };
}

export function putFile(writer: ErofsImageWriter, name: string, content: Buffer, attributes = plain): void {
  writer.beginFile(content.length);
  writer.writeFile(content, 0, content.length, 0);
  writer.makeFile(writer.root, name, attributes, writer.endFile());
}

export interface Written {
  readonly file: string;
  readonly bytes: number;
}

export function write(
  folder: ImageFolder,
  fill: (writer: ErofsImageWriter) => void,
  form: ErofsForm = 'flat',
  tarSize?: number,
): Written {
  const file = folder.path('image');
  const fd = openSync(file, 'w+');
  try {
    const writer = createErofsImage(fd, { form, root: plain });
    fill(writer);
    return { file, ...writer.finish({ tarSize }) };
  } finally {
    closeSync(fd);
  }
}

/** What kernel, checker and reader agree on. */
export function seen({ file, bytes }: Written): Items {
  expect(statSync(file).size).toBe(bytes);
  fsck(file);
  const items = listByKernel(file);
  expect(listByReader(file)).toEqual(items);
  return items;
}
