export * from './choose.js';
export * from './own-profile.js';
export * from './profile.js';
