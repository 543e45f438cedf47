import type { Images } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

/** Each method imports what it needs when it is called: listing images loads nothing of pulling and running. */
export function engineImages(parts: EngineParts, works: Works): Images {
  const named = (what: string, name: string): string => `${what} ${JSON.stringify(name)}`;
  return {
    list: (options = {}) =>
      works.carryOut('list images', async () => {
        const { listImages } = await import('./list.js');
        return listImages(parts, options);
      }),
    inspect: (name, options = {}) =>
      works.carryOut(named('inspect', name), async () => {
        const { inspectImage } = await import('./inspect.js');
        return inspectImage(parts, name, options.platform);
      }),
    remove: (name) =>
      works.carryOut(named('remove', name), async () => {
        const { removeImage } = await import('./remove.js');
        return removeImage(parts, name);
      }),
    mount: (name, directory, options = {}) =>
      works.carryOut(named('mount', name), async () => {
        const { mountImage } = await import('./mount.js');
        return mountImage(parts, name, directory, options);
      }),
    unmount: (directory) =>
      works.carryOut(named('unmount', directory), async () => {
        const { unmountImage } = await import('./mount.js');
        return unmountImage(parts, directory);
      }),
    tag: (source, name) =>
      works.carryOut(named('tag', source), async () => {
        const { tagImage } = await import('./tag.js');
        return tagImage(parts, source, name);
      }),
    push: (name, options = {}) =>
      works.carryOut(named('push', name), async () => {
        const { pushImage } = await import('./transfer/push.js');
        return pushImage(parts, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    copy: (source, destination, options = {}) =>
      works.carryOut(named('copy', source), async () => {
        const { copyImage } = await import('./transfer/copy.js');
        return copyImage(parts, source, destination, { ...options, signal: works.orClosing(options.signal) });
      }),
    save: (names, options) =>
      works.carryOut('save images', async () => {
        const { saveImages } = await import('./save.js');
        return saveImages(parts, names, { ...options, signal: works.orClosing(options.signal) });
      }),
    load: (input, options = {}) =>
      works.carryOut('load images', async () => {
        const { loadImages } = await import('./load.js');
        return loadImages(parts, input, { ...options, signal: works.orClosing(options.signal) });
      }),
    import: (input, name, options = {}) =>
      works.carryOut(named('import', name), async () => {
        const { importImage } = await import('./import.js');
        return importImage(parts, input, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    history: (name, options = {}) =>
      works.carryOut(named('history of', name), async () => {
        const { imageHistory } = await import('./history.js');
        return imageHistory(parts, name, options.platform);
      }),
    diff: (lower, upper, options = {}) =>
      works.carryOut(named('diff', lower), async () => {
        const { diffImages } = await import('./diff.js');
        return diffImages(parts, lower, upper, { ...options, signal: works.orClosing(options.signal) });
      }),
    referrers: (name, options = {}) =>
      works.carryOut(named('referrers of', name), async () => {
        const { listReferrers } = await import('./referrers.js');
        return listReferrers(parts, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    tree: () =>
      works.carryOut('tree of images', async () => {
        const { layerTree } = await import('./layer-tree.js');
        return layerTree(parts);
      }),
  };
}
