export * from './runtime.js';
export * from './supervision.js';
