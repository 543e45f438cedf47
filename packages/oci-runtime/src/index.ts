export { findBinary } from './binary.js';
export type { Bundle } from './bundle.js';
export { toolConfig } from './config.js';
export type { ContainerFolder } from './container-folder.js';
export { accepts } from './create-request.js';
export type { MachineTool } from './machine.js';
export { OciRuntime, toolToken } from './oci-runtime.js';
export type { Tool, ToolChoice } from './tool.js';
export { findTool, installHint } from './tool.js';
