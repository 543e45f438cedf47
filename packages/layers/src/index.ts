export * from './apply.js';
export * from './bytes.js';
export { type CompareTreesOptions, compareTrees } from './compare/compare.js';
export { type LayerErrorCode, layerErrorKinds } from './errors.js';
export * from './limits.js';
export type { LayerNote, LayerNotes } from './stage/layer-notes.js';
export * from './stage/rebase.js';
export type * from './tar/entry.js';
export { TarReader } from './tar/reader.js';
