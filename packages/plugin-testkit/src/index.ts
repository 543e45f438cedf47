export * from './content-laws.js';
export * from './law-runner.js';
export * from './metadata-laws.js';
