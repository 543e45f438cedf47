export { type AttributeOptions, copyAttributes } from './attributes.js';
export { DirectorySnapshotter, type DirectorySnapshotterOptions } from './directory-snapshotter.js';
export { claimFolder, type FolderClaim, makeFolder } from './folders.js';
export type { SnapshotPlace, SnapshotTrees, TreeNames } from './snapshot-trees.js';
export { TreeJobs } from './tree-jobs.js';
