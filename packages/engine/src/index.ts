export { generateContainerId, parseContainerId } from './bundle/container-id.js';
export { parseSignal } from './bundle/signal.js';
export { keepNames } from './names/keep-names.js';
export { enginePlugin } from './plugin.js';
export { processesWith, storeUsers } from './rebuild/store-users.js';
export type { EngineSettings, StackSettings } from './settings.js';
