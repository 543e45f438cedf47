import path from 'node:path';
import { findBinary } from './binary.js';

/** A program that understands the command line of OCI runtimes. */
export interface Tool {
  /** Absolute path. */
  readonly binary: string;
  /** As messages call it. */
  readonly name: string;
  /** What to do when it is missing. */
  readonly hint: string;
}

/** How a plugin names its tool: `program` as its configuration has it, `plugin` as its section is called. */
export interface ToolChoice {
  readonly program: string;
  readonly plugin: string;
}

/** What to do where the program is missing. */
export function installHint({ program, plugin }: ToolChoice): string {
  const name = path.basename(program);
  return `install ${name} (apt-get install ${name}), or set binary in [plugin.${plugin}]`;
}

/** The program, looked up in PATH when it is named without one. */
export function findTool(choice: ToolChoice): Tool | undefined {
  const binary = findBinary(choice.program);
  return binary === undefined ? undefined : { binary, name: path.basename(choice.program), hint: installHint(choice) };
}
