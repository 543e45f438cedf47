import { MemoryMetadataPlace, memoryMetadata, metadataLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './file-metadata.ts';

describe('memoryMetadata', () => {
  const places = new Map<string, MemoryMetadataPlace>();

  metadataLaws({ describe, it }, async (root) => {
    const place = places.get(root) ?? new MemoryMetadataPlace();
    places.set(root, place);
    const instance = memoryMetadata(place);
    return { instance, capabilities: {}, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
  });
});

describe('fileMetadata', () => {
  metadataLaws({ describe, it }, openSubject, { module: new URL('./file-metadata.ts', import.meta.url).href });
});
