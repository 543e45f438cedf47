import {
  contentPoint,
  definePlugin,
  differPoint,
  enginePoint,
  lazyMany,
  metadataPoint,
  networkPoint,
  type PluginDefinition,
  policyPoint,
  resolverPoint,
  runtimePoint,
  snapshotterPoint,
  volumePoint,
} from '@slipway/plugin-api';
import { SlipwayEngine } from './engine.js';
import type { EngineSettings } from './settings.js';

/** Engine needs: metadata and content at once, the parts of stacks when they are first used. */
export const engineNeeds = {
  metadata: metadataPoint,
  content: contentPoint,
  resolvers: lazyMany(resolverPoint),
  snapshotters: lazyMany(snapshotterPoint),
  differs: lazyMany(differPoint),
  runtimes: lazyMany(runtimePoint),
  policies: lazyMany(policyPoint),
  volumes: lazyMany(volumePoint),
  networks: lazyMany(networkPoint),
} as const;

/** The engine as the plugin of `engine.v1` that the composition root hands to the kernel. */
export function enginePlugin(
  settings: EngineSettings,
): PluginDefinition<SlipwayEngine, Record<string, never>, typeof engineNeeds> {
  return definePlugin({
    provides: { id: enginePoint.id },
    id: 'slipway',
    api: '1.0',
    needs: engineNeeds,
    activate: ({ needs, log, own }) => ({ instance: own(SlipwayEngine.open(settings, needs, log)) }),
  });
}
