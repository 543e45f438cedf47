import { contentLaws, memoryMetadata } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { NamespacedContent } from '../../../packages/engine/dist/metadata/content.js';
import { openStore, temporaryFolder } from '../../../plugins/content-local/test/open-store.ts';

// A wrapper obeys the laws of what it wraps: the engine's content, with rows and labels, over the real store.
contentLaws({ describe, it }, async () => {
  const folder = temporaryFolder();
  const metadata = memoryMetadata();
  let opened = await openStore(folder.path);
  return {
    store: new NamespacedContent(opened.store, metadata),
    async reopen() {
      await opened[Symbol.asyncDispose]();
      opened = await openStore(folder.path);
      return new NamespacedContent(opened.store, metadata);
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
});
