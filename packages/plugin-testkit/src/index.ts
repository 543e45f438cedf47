export * from './content-laws.js';
export { expectKind } from './expect-kind.js';
export * from './law-runner.js';
export { fileMetadata, memoryMetadata } from './memory-metadata.js';
export * from './metadata-laws.js';
export { snapshotterLaws } from './snapshots/snapshotter-laws.js';
export type { OpenSnapshotter, SnapshotterLawOptions, SnapshotterSubject } from './snapshots/subject.js';
