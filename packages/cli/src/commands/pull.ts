import { parsePlatform } from '@slipway/oci';
import type { PullProgress } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { pullProgress } from '../progress/pull-progress.js';
import { usageError } from '../usage-error.js';

export const pull: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [ref] = args;
  if (ref === undefined) throw usageError('pull', 'the name of an image is missing');
  const platform = options.text('platform');
  let fetched = false;
  const image = await withEngine(invocation, (engine) =>
    interruptible(`pull ${JSON.stringify(ref)}`, async (signal) => {
      using progress = await pullProgress(global, output);
      const onProgress = (event: PullProgress): void => {
        // Without layers to look at everything was here.
        fetched ||= event.type === 'layers';
        progress.show(event);
      };
      return await engine.pull(ref, {
        stack: global.stack,
        platform: platform === undefined ? undefined : parsePlatform(platform),
        discardUnpackedLayers: options.flag('discardLayers') || undefined,
        signal,
        onProgress,
      });
    }),
  );
  const name = printable(image.name);
  if (global.json) output.out(`${printableJson(image, 2)}\n`);
  else if (global.quiet) output.out(`${name}\n`);
  else {
    const status = fetched ? `Pulled ${name}` : `${name} is up to date`;
    output.out(`Digest: ${image.target.digest}\nStatus: ${status}\n${name}\n`);
  }
  return 0;
};
