import { definePlugin, resolverPoint } from '@slipway/plugin-api';

export const plugin = definePlugin({
  provides: resolverPoint,
  id: 'archive',
  api: '1.0',
  activate: async ({ container, own }) => {
    const { ArchiveResolver } = await import('./archive-resolver.js');
    return { instance: own(container.resolve(ArchiveResolver)), capabilities: { push: true, referrers: true } };
  },
});
