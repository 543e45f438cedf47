import { contentLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

contentLaws({ describe, it }, async () => {
  const folder = temporaryFolder();
  let opened = await openStore(folder.path);
  return {
    store: opened.store,
    async reopen() {
      await opened[Symbol.asyncDispose]();
      opened = await openStore(folder.path);
      return opened.store;
    },
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
});
