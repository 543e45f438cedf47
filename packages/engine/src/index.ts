export { generateContainerId, parseContainerId, parseSignal } from './bundle/index.js';
export { enginePlugin } from './plugin.js';
export type { EngineSettings, StackSettings } from './settings.js';
