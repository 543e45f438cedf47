export * from './change-names.js';
export * from './names-copy.js';
