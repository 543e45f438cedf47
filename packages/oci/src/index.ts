export * from './chain-id.js';
export * from './digest.js';
export { maxImageConfigSize, parseImageConfig } from './image-config-document.js';
export * from './image-name.js';
export {
  type ManifestDocument,
  maxIndexManifests,
  maxLayers,
  maxManifestSize,
  parseManifestDocument,
} from './manifest-document.js';
export * from './media-types.js';
export * from './platform.js';
export * from './quote.js';
export * from './reference.js';
export * from './runtime-json.js';
