import type { StdioTarget, Supervision, TerminalSize } from '@slipway/plugin-api';

export interface MonitorOptions {
  /** Path of the program; found by {@link findMonitor} when absent. */
  readonly binary?: string | undefined;
  /** An existing folder of this container alone: working directory of all commands, with the sockets, and the record `status.json` without supervision. */
  readonly folder: string;
  /**
   * Everything ends when this process does, or releases the monitor. Otherwise that holds only until `start` was asked for; then the monitor
   * runs the deletion by itself when the container has ended for good.
   */
  readonly dieWithParent: boolean;
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
  /** Detached mount trees and where to attach them, in order. The caller closes its descriptors afterwards. */
  readonly mounts: readonly MonitorMount[];
  /** Where the status is recorded (else in `folder`), the log kept; restarts, probes. */
  readonly supervision?: Supervision | undefined;
  /** The container's id in events; the name of the supervision's directory when absent. */
  readonly id?: string | undefined;
  /** The process that `create` makes is a user's program already, as of `runc exec`: what is printed meanwhile is the program's. There is no `start`. */
  readonly exec?: boolean | undefined;
  /** A process in whose cgroup memory kills count before `create` has told of its own: of an `exec`, the container's first. */
  readonly memoryOf?: number | undefined;
  /** Directories whose mounts are not to be seen by the commands: crun refuses the hybrid layout of cgroups while /sys/fs/cgroup/unified is there. */
  readonly unmount?: readonly string[] | undefined;
  /** Descriptors that stay open as long as the monitor lives. */
  readonly keepOpen: readonly number[];
  /** Command that lets the user's program run: for `start` without a command, for a start by another process, and for restarts. */
  readonly starting?: ToolRun | undefined;
  /** Command that runs the health probe in the container, bounded by its timeout; required with `supervision.health`. */
  readonly probe?: readonly string[] | undefined;
  /** Command (absolute path first) that removes the container by force; it must succeed when there is none. Absent, of an `exec`: its folder is removed. */
  readonly deletion?: ToolRun | undefined;
}

export interface MonitorMount {
  readonly fd: number;
  readonly directory: string;
}

export interface ToolRun {
  /** argv; the first is an absolute path. */
  readonly args: readonly string[];
  /** After so many milliseconds it is killed. */
  readonly limitMs: number;
}

export interface Creation extends ToolRun {
  /** Where the command writes the number of the container's first process. */
  readonly pidFile: string;
  /** The command must then send a terminal to {@link Monitor.consoleSocket}. */
  readonly terminal?: TerminalSize | undefined;
}
