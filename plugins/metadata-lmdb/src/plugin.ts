import { definePlugin, metadataPoint } from '@slipway/plugin-api';
import { openEnvironment } from './environment.js';
import { environmentToken, LmdbMetadataStore } from './lmdb-metadata-store.js';

export const plugin = definePlugin({
  provides: metadataPoint,
  id: 'lmdb',
  api: '1.0',
  activate: async ({ container, dirs, own }) => {
    container.register(environmentToken, { useValue: own(await openEnvironment(dirs.root)) });
    return { instance: own(container.resolve(LmdbMetadataStore)) };
  },
});
