export * from './describe-mounts.js';
export * from './has-mounts.js';
export * from './plan-volumes.js';
export * from './prepare-mounts.js';
