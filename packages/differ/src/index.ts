export * from './config.js';
export { type DifferChoice, differToken } from './differ-choice.js';
export { LayerDiffer } from './layer-differ.js';
