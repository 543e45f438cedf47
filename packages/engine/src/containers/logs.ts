import type { LogEntry, LogsOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function* containerLogs(
  _parts: EngineParts,
  _id: string,
  _options: LogsOptions,
): AsyncGenerator<LogEntry, void, undefined> {
  throw unfinished('logs');
}
