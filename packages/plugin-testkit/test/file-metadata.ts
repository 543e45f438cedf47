import { join } from 'node:path';
import type { MetadataStore } from '@slipway/plugin-api';
import { fileMetadata, type OpenSubject } from '@slipway/plugin-testkit';

export const openSubject: OpenSubject<MetadataStore> = async (root) => {
  const instance = fileMetadata(join(root, 'rows.json'));
  // So that its files are there from the beginning.
  await instance.write(() => undefined);
  return { instance, capabilities: {}, folder: root, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
};
