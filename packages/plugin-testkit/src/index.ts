export * from './law-runner.js';
export * from './metadata-laws.js';
