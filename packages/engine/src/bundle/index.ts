export * from './command.js';
export * from './container-id.js';
export * from './host-facts.js';
export * from './root-files.js';
export * from './signal.js';
export * from './spec.js';
export * from './write-bundle.js';
