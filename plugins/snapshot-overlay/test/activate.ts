import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Activation, MetadataStore, metadataPoint, PluginDefinition, Snapshotter } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';

type SnapshotterPlugin = PluginDefinition<Snapshotter, Record<string, never>, { readonly metadata: typeof metadataPoint }>;

/** Activates the plugin on the folder `root`, with a state folder of its own unless one is given. */
export async function activate(
  plugin: SnapshotterPlugin,
  root: string,
  metadata: MetadataStore,
  state?: string,
): Promise<Activation<Snapshotter> & { readonly owned: AsyncDisposableStack }> {
  const owned = new AsyncDisposableStack();
  const dirs = { root, state: state ?? owned.adopt(mkdtempSync(join(tmpdir(), 'slipway-overlay-state-')), removeFolder) };
  try {
    const subject = owned.use(await openPlugin(plugin, { dirs, needs: { metadata } }));
    return { instance: subject.instance, capabilities: subject.capabilities, owned };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
