export * from './change-names.js';
export * from './keep-names.js';
export * from './names-copy.js';
