import { limitKeys } from '@slipway/differ/config';
import { contentPoint, definePlugin, differPoint } from '@slipway/plugin-api';
import * as v from 'valibot';

/** `differ.v1/tar`. */
export const plugin = definePlugin({
  provides: differPoint,
  id: 'tar',
  api: '1.0',
  config: v.strictObject(limitKeys),
  needs: { content: contentPoint },
  declares: { writes: ['overlay', 'directory'], stage: true, compare: true },
  activate: async ({ container, own }) => {
    const { LayerDiffer, differToken } = await import('@slipway/differ');
    container.register(differToken, { useValue: { plugin: 'differ-tar', writes: ['overlay', 'directory'] } });
    return { instance: own(container.resolve(LayerDiffer)), capabilities: { compare: true, stage: true } };
  },
});
