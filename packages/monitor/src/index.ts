export { findMonitor } from './binary.js';
export type { AttachedStreams, AttachWish, MonitorConnection } from './connection.js';
export { connectMonitor } from './connection.js';
export type { Creation, Monitor, MonitorMount, MonitorOptions, ToolRun } from './monitor.js';
export { startMonitor } from './monitor.js';
export { isAlive, readStatus } from './status.js';
export type { ToolFailureReason } from './tool-failure.js';
export { ToolFailure } from './tool-failure.js';
