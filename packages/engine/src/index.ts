export { generateContainerId, parseContainerId } from './bundle/container-id.js';
export { parseSignal } from './bundle/signal.js';
export { enginePlugin } from './plugin.js';
export type { EngineSettings, StackSettings } from './settings.js';
