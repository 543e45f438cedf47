import type { Descriptor, LayerFormat } from '@slipway/plugin-api';
import type { CleanUp } from '../clean-up-laws.js';
import { temporaryRoot } from '../subject.js';
import { baseLayer } from './cases/layer-case.js';
import { LayerBench } from './layer-bench.js';
import { type DifferInstance, putBlob } from './subject.js';
import { tar } from './tar-bytes.js';

/** All that a differ can do, once; blobs are deleted again. */
export function cleanUp(formats: readonly LayerFormat[]): CleanUp<DifferInstance> {
  const [format = 'directory'] = formats;
  return {
    async use(instance) {
      const { differ, content } = instance;
      await using place = await temporaryRoot();
      const bench = new LayerBench(place.root, instance, formats);
      const blobs: Pick<Descriptor, 'digest'>[] = [];
      const put = async (bytes: Buffer): Promise<Descriptor> => {
        const blob = await putBlob(content, bytes);
        blobs.push(blob);
        return blob;
      };
      const [whole, broken] = [await put(baseLayer), await put(tar({ name: '.wh..' }))];
      const target = bench.target(format);
      await differ.apply(whole, target);
      await differ.apply(broken, bench.target(format)).catch(() => undefined);
      await differ.apply(whole, bench.target(format), { signal: AbortSignal.abort() }).catch(() => undefined);
      if (differ.stage !== undefined) {
        const staged = await differ.stage(whole, bench.target(bench.overlaid));
        await staged.rebase([]);
        await differ.stage(whole, bench.target(bench.overlaid));
        await differ.stage(broken, bench.target(bench.overlaid)).catch(() => undefined);
      }
      if (differ.compare !== undefined) blobs.push((await differ.compare([], [target])).descriptor);
      for (const { digest } of blobs) await content.delete(digest);
    },

    afterDispose: ({ differ, content }) => ({
      apply: async () => {
        await using place = await temporaryRoot();
        const bench = new LayerBench(place.root, { differ, content }, formats);
        await differ.apply(await putBlob(content, baseLayer), bench.target(format));
      },
    }),
  };
}
