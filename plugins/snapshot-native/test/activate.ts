import type { Activation, MetadataStore, metadataPoint, PluginDefinition, Snapshotter } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';

type SnapshotterPlugin = PluginDefinition<Snapshotter, Record<string, never>, { readonly metadata: typeof metadataPoint }>;

/** Activates the plugin on the folder `root`. */
export async function activate(
  plugin: SnapshotterPlugin,
  root: string,
  metadata: MetadataStore,
): Promise<Activation<Snapshotter> & { readonly owned: AsyncDisposableStack }> {
  const owned = new AsyncDisposableStack();
  const subject = owned.use(await openPlugin(plugin, { dirs: { root, state: root }, needs: { metadata } }));
  return { instance: subject.instance, capabilities: subject.capabilities, owned };
}
