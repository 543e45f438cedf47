import { contentPoint, definePlugin } from '@slipway/plugin-api';
import { requireFormat } from './format.js';
import { makeFolders } from './layout.js';
import { LocalContentStore } from './local-content-store.js';

export const plugin = definePlugin({
  provides: contentPoint,
  id: 'local',
  api: '1.0',
  activate: async ({ container, dirs, own }) => {
    requireFormat(dirs.root);
    await makeFolders(dirs.root);
    return { instance: own(container.resolve(LocalContentStore)), capabilities: { labels: false, replace: true } };
  },
});
