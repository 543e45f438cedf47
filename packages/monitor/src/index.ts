export { findMonitor } from './binary.js';
export type { Creation, Monitor, MonitorMount, MonitorOptions, ToolRun } from './monitor.js';
export { startMonitor } from './monitor.js';
export type { ToolFailureReason } from './tool-failure.js';
export { ToolFailure } from './tool-failure.js';
