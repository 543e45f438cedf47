import { limitKeys } from '@slipway/differ/config';
import { contentPoint, definePlugin, differPoint } from '@slipway/plugin-api';
import * as v from 'valibot';

const config = v.strictObject({
  ...limitKeys,
  format: v.optional(
    v.pipe(
      v.picklist(['flat', 'tar-index']),
      v.description(
        'flat: all of a layer in one file, which a virtual machine can have as a disk; tar-index: names only, and the layer as a tar file beside them, for the host',
      ),
    ),
    'flat',
  ),
});

/** `differ.v1/erofs`. */
export const plugin = definePlugin({
  provides: differPoint,
  id: 'erofs',
  api: '1.0',
  config,
  needs: { content: contentPoint },
  declares: { writes: ['erofs'], stage: true, compare: true },
  activate: async ({ config: { format }, container, own }) => {
    const { LayerDiffer, differToken } = await import('@slipway/differ');
    container.register(differToken, { useValue: { plugin: 'differ-erofs', writes: ['erofs'], imageForm: format } });
    return { instance: own(container.resolve(LayerDiffer)), capabilities: { compare: true, stage: true, format } };
  },
});
