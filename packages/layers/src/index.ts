export * from './apply.js';
export * from './bytes.js';
export { type LayerErrorCode, layerErrorKinds } from './errors.js';
export * from './limits.js';
export type * from './tar/entry.js';
export { TarReader } from './tar/reader.js';
