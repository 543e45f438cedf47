import { connectMonitor, type MonitorConnection } from '@slipway/monitor';
import { isSlipwayError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';

/** One request, or a few, to a monitor that any process started. */
export async function withMonitor<T>(
  folder: ContainerFolder,
  monitor: number,
  use: (connection: MonitorConnection) => Promise<T>,
): Promise<T> {
  using connection = await connectMonitor(folder.directory, monitor);
  return await use(connection);
}

/** It lives, and has no place for us: what is so can still be seen. */
export function isMonitorBusy(error: unknown): boolean {
  return isSlipwayError(error) && error.code === 'MONITOR_BUSY';
}

/** The monitor was killed, or ended meanwhile: what is so has to be seen anew. */
export function isMonitorLost(error: unknown): boolean {
  return isSlipwayError(error) && error.code === 'MONITOR_LOST';
}
