export * from './runtime.js';
export type * from './supervision.js';
