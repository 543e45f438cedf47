// In a file of its own, also bundled (tools/bundle): of the commands, few talk to a registry.
export { default as undiciApi } from 'undici/lib/api/index.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
export { default as Pool } from 'undici/lib/dispatcher/pool.js';
