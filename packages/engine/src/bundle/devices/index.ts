export * from './device-rules.js';
