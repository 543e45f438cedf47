import type { Engine } from '@slipway/plugin-api';
import type { Host } from './host.js';
import { checkNodeVersion } from './node-version.js';
import type { OpenEngineOptions } from './options.js';
import type { RebuildStoreOptions, StoreRebuild } from './rebuild-store.js';

/**
 * An engine in this process, without a daemon:
 * ```ts
 * await using engine = await openEngine();
 * const container = await engine.run({ image: 'alpine', args: ['echo', 'hello'] });
 * ```
 * Its disposal also releases every plugin that it has used.
 * Errors: those of configuration and plugins; `failed-precondition` with `NODE_TOO_OLD` below Node 24.
 */
export async function openEngine(options: OpenEngineOptions = {}): Promise<Engine> {
  const host = await openHost(options);
  try {
    return ownedBy(host, await host.engine());
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

/** The kernel and the configuration, without activating anything. */
export async function openHost(options: OpenEngineOptions = {}): Promise<Host> {
  checkNodeVersion();
  // Older Nodes cannot even parse what is imported here, so the version is checked before.
  const { bootHost } = await import('./host.js');
  return bootHost(options);
}

/** Makes metadata that is damaged or lost anew from content; see {@link StoreRebuild}. Errors: `failed-precondition` with `STORE_IN_USE`. */
export async function rebuildStore(options: RebuildStoreOptions = {}): Promise<StoreRebuild> {
  checkNodeVersion();
  return (await import('./rebuild-store.js')).rebuildStore(options);
}

/** The engine's own face, but for its disposal, which is that of everything. */
function ownedBy(host: Host, engine: Engine): Engine {
  return {
    images: engine.images,
    containers: engine.containers,
    registries: engine.registries,
    volumes: engine.volumes,
    networks: engine.networks,
    system: engine.system,
    pull: (name, options) => engine.pull(name, options),
    run: (options) => engine.run(options),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
