export { toolConfig } from './config.js';
export { accepts } from './create-request.js';
export type { MachineTool } from './machine.js';
export { OciRuntime, toolToken } from './oci-runtime.js';
export type { Tool, ToolChoice } from './tool.js';
export { findTool, installHint } from './tool.js';
