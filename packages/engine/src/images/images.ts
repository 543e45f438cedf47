import type { Images } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

/** Each method imports what it needs when it is called: listing images loads nothing of pulling and running. */
export function engineImages(parts: EngineParts, works: Works): Images {
  const named = (what: string, name: string): string => `${what} ${JSON.stringify(name)}`;
  const tell = async (action: string, id: string): Promise<void> => {
    const { emit } = await import('../events/emit.js');
    emit(parts, { type: 'image', action, id, attributes: {} });
  };
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
    remove: (name, options = {}) =>
      works.carryOut(named('remove', name), async () => {
        const { removeImage } = await import('./remove.js');
        const removed = await removeImage(parts, name, options);
        await tell('delete', removed.name);
        return removed;
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
        const tagged = await tagImage(parts, source, name);
        await tell('tag', tagged.name);
        return tagged;
      }),
    push: (name, options = {}) =>
      works.carryOut(named('push', name), async () => {
        const { pushImage } = await import('./transfer/push.js');
        const pushed = await pushImage(parts, name, { ...options, signal: works.orClosing(options.signal) });
        await tell('push', pushed.name);
        return pushed;
      }),
    copy: (source, destination, options = {}) =>
      works.carryOut(named('copy', source), async () => {
        const { copyImage } = await import('./transfer/copy.js');
        return copyImage(parts, source, destination, { ...options, signal: works.orClosing(options.signal) });
      }),
    save: (names, options) =>
      works.carryOut('save images', async () => {
        const { saveImages } = await import('./save.js');
        const saved = await saveImages(parts, names, { ...options, signal: works.orClosing(options?.signal) });
        for (const image of saved) await tell('save', image.name);
        return saved;
      }),
    load: (input, options = {}) =>
      works.carryOut('load images', async () => {
        const { loadImages } = await import('./load.js');
        const loaded = await loadImages(parts, input, { ...options, signal: works.orClosing(options.signal) });
        for (const image of loaded) await tell('load', image.name);
        return loaded;
      }),
    import: (input, name, options = {}) =>
      works.carryOut(named('import', name), async () => {
        const { importImage } = await import('./import.js');
        const image = await importImage(parts, input, name, { ...options, signal: works.orClosing(options.signal) });
        await tell('import', image.name);
        return image;
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
