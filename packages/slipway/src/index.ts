export type { Config, ConfigTable, DumpedValue, PluginState, PluginStatus, Problem } from '@slipway/kernel';
export type * from '@slipway/plugin-api';
export { isKind, isSlipwayError } from '@slipway/plugin-api';
export type { Host } from './host.js';
export { checkNodeVersion } from './node-version.js';
export { openEngine, openHost, rebuildStore } from './open.js';
export type { OpenEngineOptions } from './options.js';
export type { RebuildStoreOptions, StoreRebuild } from './rebuild-store.js';
