import type { Activation, Logger, MetadataStore, metadataPoint, PluginDefinition, Snapshotter } from '@slipway/plugin-api';
import { tokens } from '@slipway/plugin-api';
import { container as rootContainer } from 'tsyringe';

const log: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
type SnapshotterPlugin = PluginDefinition<Snapshotter, Record<string, never>, { readonly metadata: typeof metadataPoint }>;

/** Activates the plugin as the kernel does. `skip` throws its reason. */
export async function activate(
  plugin: SnapshotterPlugin,
  root: string,
  metadata: MetadataStore,
): Promise<Activation<Snapshotter> & { readonly owned: AsyncDisposableStack }> {
  const owned = new AsyncDisposableStack();
  const dirs = { root, state: root };
  const container = rootContainer.createChildContainer();
  container.register(tokens.dirs, { useValue: dirs });
  container.register(tokens.need('metadata'), { useValue: metadata });
  const activation = await plugin.activate({
    config: {},
    needs: { metadata },
    dirs,
    log,
    signal: new AbortController().signal,
    container,
    own: (resource) => owned.use(resource),
    skip: (reason) => {
      throw new Error(`skipped: ${reason}`);
    },
  });
  return { ...activation, owned };
}
