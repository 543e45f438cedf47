export type { ErofsErrorCode } from './errors.js';
export { isErofsXattr } from './format.js';
export { createErofsImage, resumeErofsImage } from './image-writer.js';
export { openErofsImage } from './read/open-image.js';
export { writeTreeImage } from './tree/tree-image.js';
export type * from './types.js';
export { type VerityOptions, type VerityTree, writeVerityTree } from './verity.js';
