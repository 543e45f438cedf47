import type { Monitor } from '@slipway/monitor';
import { type RuntimeContainer, step } from '@slipway/plugin-api';
import { isMonitorLost } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { endedBeforeStart } from './ended-before-start.js';
import { OciProcess } from './oci-process.js';
import type { Tool } from './tool.js';
import { toolError } from './tool-errors.js';

/** A container that this process created. */
export class OciContainer extends OciProcess implements RuntimeContainer {
  readonly id: string;
  readonly monitorPid: number;

  constructor(
    pid: number,
    monitor: Monitor,
    private readonly folder: ContainerFolder,
    private readonly tool: Tool,
  ) {
    const { id } = folder;
    super(pid, `container "${id}"`, monitor, (status) => step('runtime.exited', { id, ...status }));
    this.id = id;
    this.monitorPid = monitor.pid;
  }

  async start(): Promise<void> {
    try {
      await this.monitor.start();
    } catch (error) {
      const ended = isMonitorLost(error) ? endedBeforeStart(this.folder) : undefined;
      if (ended !== undefined) throw ended;
      throw toolError(this.tool, 'start', this.id, error, { log: this.folder.log });
    }
    step('runtime.start.started', { id: this.id, pid: this.pid });
  }
}
