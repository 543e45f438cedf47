export type * from './config.js';
export type * from './descriptor.js';
export type * from './manifest.js';
export type * from './runtime-spec.js';
