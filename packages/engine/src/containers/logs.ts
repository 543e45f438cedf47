import { existsSync } from 'node:fs';
import { isKind, type LogEntry, type LogsOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { containerById, type FoundContainer } from './find.js';
import { containerFolder } from './folder.js';
import { readLog } from './logs/read-log.js';
import { containerState } from './state.js';

const defaultMaxFiles = 3;

/** Errors: `not-found`, `failed-precondition` (LOG_NONE), `invalid-argument`; those of {@link readLog}. */
export async function* containerLogs(
  parts: EngineParts,
  id: string,
  options: LogsOptions,
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  checkOptions(options);
  const container = containerById(parts, id);
  const directory = containerFolder(parts.settings.root, id);
  const { log } = container.row.settings;
  // One that goes with its command and is attached has no folder: what it writes is kept nowhere.
  if (log?.driver === 'none' || !existsSync(directory)) throw noLog(container);
  yield* readLog({ directory, maxFiles: log?.maxFiles ?? defaultMaxFiles, isLive: () => isWritten(parts, container) }, options);
}

/** Whether its monitor is there, which writes the log. */
async function isWritten(parts: EngineParts, container: FoundContainer): Promise<boolean> {
  try {
    const { status, unsupervised } = await containerState(parts, containerById(parts, container.id));
    return !unsupervised && status !== 'exited' && status !== 'created';
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

function checkOptions({ tail, since, until }: LogsOptions): void {
  if (tail !== undefined && (!Number.isSafeInteger(tail) || tail < 0))
    throw invalid('tail', tail, 'a number of lines, 0 or more');
  for (const [name, time] of Object.entries({ since, until }))
    if (time !== undefined && Number.isNaN(time.getTime())) throw invalid(name, time, 'a valid time');
}

function invalid(what: string, found: unknown, expected: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'LOGS_OPTION_INVALID',
    message: `${what} of logs is ${String(found)}, expected ${expected}`,
  });
}

function noLog({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'LOG_NONE',
    message: `no log of container ${JSON.stringify(name)} is kept`,
    hint: 'a container that is detached or kept has one, unless it was made with --log-driver none',
    details: { id, name },
  });
}
