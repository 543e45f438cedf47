// What modules of subjects need: each process that a law starts loads one, and none of the laws.
export { memoryContent } from './content/memory-content.js';
export type { OpenDiffer } from './diff/subject.js';
export { fileMetadata } from './metadata/memory-metadata.js';
export { openPlugin } from './open-plugin.js';
export type { OpenRuntime } from './runtime/subject.js';
export type { OpenSnapshotter } from './snapshots/subject.js';
export type { OpenSubject, Subject } from './subject.js';
