import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileMetadata, memoryMetadata, metadataLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';

describe('memoryMetadata', () => {
  metadataLaws({ describe, it }, async () => {
    const store = memoryMetadata();
    return { store, reopen: async () => store, [Symbol.asyncDispose]: async () => undefined };
  });
});

describe('fileMetadata', () => {
  metadataLaws({ describe, it }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-metadata-'));
    const open = () => fileMetadata(join(folder, 'rows.json'));
    return {
      store: open(),
      reopen: async () => open(),
      [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
    };
  });
});
