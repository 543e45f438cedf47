export * from './names.js';
export * from './process-capabilities.js';
