export { parseMountFlag } from './mount-flag.js';
export { parseTmpfsFlag } from './tmpfs-flag.js';
export { parseVolumeFlag } from './volume-flag.js';
