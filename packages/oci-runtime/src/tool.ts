import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { CgroupDriver } from '@slipway/cgroups';
import { findBinary } from './binary.js';
import type { MachineTool } from './machine.js';

/** A program that understands the command line of OCI runtimes. */
export interface Tool {
  /** Absolute path. */
  readonly binary: string;
  /** Of the file that it leads to. */
  readonly fileName: string;
  /** As messages call it. */
  readonly name: string;
  /** What to do when it is missing. */
  readonly hint: string;
  /** Absent: as a container's `cgroupsPath` says, or as fits the host. */
  readonly cgroupDriver: CgroupDriver | undefined;
  /** Absent: containers are processes of this host. */
  readonly machine?: MachineTool | undefined;
}

/** How a plugin names its tool: as its configuration has it, and how its section of that is called. */
export interface ToolChoice {
  readonly binary: string;
  readonly cgroup_driver?: CgroupDriver | undefined;
  readonly plugin: string;
}

/** What to do where the program is missing. */
export function installHint({ binary, plugin }: ToolChoice): string {
  const name = path.basename(binary);
  return `install ${name} (apt-get install ${name}), or set binary in [plugin.${plugin}]`;
}

/** The program, looked up in PATH when it is named without one. */
export function findTool(choice: ToolChoice): Tool | undefined {
  const binary = findBinary(choice.binary);
  if (binary === undefined) return undefined;
  return {
    binary,
    fileName: path.basename(realpathSync(binary)),
    name: path.basename(choice.binary),
    hint: installHint(choice),
    cgroupDriver: choice.cgroup_driver,
  };
}
