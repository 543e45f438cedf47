export { requireTrusted } from './require-trusted.js';
export { TrustedPaths, type Untrusted } from './trusted-paths.js';
