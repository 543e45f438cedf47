import type { MonitorMount } from '@slipway/monitor';
import type { CreateRequest, MachineState, Mount, RuntimeFeatures, RuntimeResources, RuntimeStats } from '@slipway/plugin-api';
import type { Bundle } from './bundle.js';
import type { ContainerFolder } from './container-folder.js';

/** Closed when the monitor has them. */
export interface PreparedMounts extends Disposable {
  /** In order. What they are attached to is there, for some of them in one of those before. */
  readonly mounts: readonly MonitorMount[];
}

/**
 * What is done for a tool that makes a machine for each container, with a kernel of its own. The root file system is handed on and not mounted here; what the tool reads is written before it
 * is started; what is inside is not seen from here, and asked for.
 */
export interface MachineTool {
  /** Kinds of mounts that it can use as a root file system. */
  readonly accepts: readonly Mount['kind'][];
  /** For the tool's `create`: a machine has to boot. Milliseconds. */
  readonly createLimitMs: number;
  features(): Promise<RuntimeFeatures>;
  /**
   * Writes what `create` reads, each time that it is run, into the container's folder, which is its working directory. `cgroups`: the directories that may be made for it, which a deletion removes.
   * Answers with what is to be attached for it.
   */
  prepare(request: CreateRequest, bundle: Bundle, folder: ContainerFolder, cgroups: readonly string[]): Promise<PreparedMounts>;
  /** Told after each `create` that went well, before the container is started. Does not throw. */
  created?(folder: ContainerFolder): Promise<void>;
  /** What was made for the container; undefined before. */
  machineOf(folder: ContainerFolder): MachineState | undefined;
  /** Writes what `exec` reads beside the file that it is given, of settings as config.json has them: `<file>.pb`. */
  prepareProcess(folder: ContainerFolder, file: string, process: object): void;
  /** The same for `update`. Errors: `failed-precondition` for more than the machine has. */
  prepareUpdate(folder: ContainerFolder, file: string, resources: RuntimeResources): void;
  /** Of the container in the machine. Errors: `not-found` when it is gone. */
  stats(folder: ContainerFolder): Promise<RuntimeStats>;
  /** Of the processes in the machine's cgroup: those that stand for processes of the container, the first and those of `exec`. */
  standing(pids: readonly number[]): readonly number[];
}
