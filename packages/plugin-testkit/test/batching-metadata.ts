import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MetadataStore, step } from '@slipway/plugin-api';
import { MemoryMetadataPlace, memoryMetadata, type OpenSubject } from '@slipway/plugin-testkit';

/** Broken: acknowledges every write, and keeps every fifth only. */
export const openSubject: OpenSubject<MetadataStore> = async (root) => {
  const file = join(root, 'rows.json');
  const place = new MemoryMetadataPlace();
  if (existsSync(file)) {
    const tables = JSON.parse(readFileSync(file, 'utf8')) as [string, [string, string][]][];
    place.rows = new Map(tables.map(([name, rows]) => [name, new Map(rows)]));
  }
  const sound = memoryMetadata(place);
  const save = (): void => {
    writeFileSync(`${file}.new`, JSON.stringify([...place.rows].map(([name, rows]) => [name, [...rows]])));
    renameSync(`${file}.new`, file);
  };
  let writes = 0;
  const instance: MetadataStore = {
    read: (fn) => sound.read(fn),
    async write(fn) {
      const result = await sound.write(fn);
      writes += 1;
      if (writes % 5 === 0) save();
      step('test.write.done');
      return result;
    },
  };
  return {
    instance,
    capabilities: {},
    folder: root,
    async [Symbol.asyncDispose]() {
      if (writes > 0) save();
      await sound[Symbol.asyncDispose]();
    },
  };
};
