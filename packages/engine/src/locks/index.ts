export * from './file-lock.js';
export * from './folder.js';
export * from './semaphore.js';
export * from './take-lock.js';
