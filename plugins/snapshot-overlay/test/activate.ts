import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Activation,
  Logger,
  MetadataStore,
  metadataPoint,
  PluginContainer,
  PluginDefinition,
  PluginDirs,
  Snapshotter,
} from '@slipway/plugin-api';
import { tokens } from '@slipway/plugin-api';
import { container as rootContainer } from 'tsyringe';

const log: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
type SnapshotterPlugin = PluginDefinition<Snapshotter, Record<string, never>, { readonly metadata: typeof metadataPoint }>;

/** Activates the plugin as the kernel does, with a state folder of its own unless one is given. `skip` throws its reason. */
export async function activate(
  plugin: SnapshotterPlugin,
  root: string,
  metadata: MetadataStore,
  state?: string,
): Promise<Activation<Snapshotter> & { readonly owned: AsyncDisposableStack }> {
  const owned = new AsyncDisposableStack();
  const dirs = { root, state: state ?? owned.adopt(mkdtempSync(join(tmpdir(), 'slipway-overlay-state-')), removeFolder) };
  const container = rootContainer.createChildContainer();
  container.register(tokens.dirs, { useValue: dirs });
  container.register(tokens.need('metadata'), { useValue: metadata });
  try {
    return { ...(await activateIn(plugin, dirs, metadata, container, owned)), owned };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}

async function activateIn(
  plugin: SnapshotterPlugin,
  dirs: PluginDirs,
  metadata: MetadataStore,
  container: PluginContainer,
  owned: AsyncDisposableStack,
): Promise<Activation<Snapshotter>> {
  return plugin.activate({
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
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
