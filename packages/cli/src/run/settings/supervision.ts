import type { ContainerSettings, HealthSettings, LogSettings, RestartPolicy } from '@slipway/plugin-api';
import { parseByteSize } from '../../byte-size.js';
import { parseDuration } from '../../duration.js';
import { type Flags, integer, parsed, refusedFlag } from './flags.js';
import { pairsOf } from './pairs.js';

/** What the monitor does for a container: restarts, health probes, the log, the end. */
export function supervisionOf(flags: Flags): Pick<ContainerSettings, 'restart' | 'health' | 'log' | 'stopTimeoutMs'> {
  return {
    restart: restartOf(flags),
    health: healthOf(flags),
    log: logOf(flags),
    stopTimeoutMs: parsed(flags, 'stop-timeout', parseSeconds, 'seconds, or -1 to wait without end'),
  };
}

export function restartOf(flags: Flags): RestartPolicy | undefined {
  return parsed(flags, 'restart', parseRestart, 'no, always, unless-stopped, on-failure or on-failure:COUNT');
}

function parseRestart(text: string): RestartPolicy | undefined {
  if (text === 'no' || text === 'always' || text === 'unless-stopped' || text === 'on-failure') return { name: text };
  const retries = integer(/^on-failure:(\d+)$/.exec(text)?.[1] ?? '', 1);
  return retries === undefined ? undefined : { name: 'on-failure', maximumRetries: retries };
}

function parseSeconds(text: string): number | undefined {
  const seconds = integer(text, -1);
  return seconds === undefined || seconds === -1 ? seconds : seconds * 1000;
}

function healthOf(flags: Flags): HealthSettings | false | undefined {
  const duration = (flag: string) =>
    parsed(flags, flag, (text) => (text === '0' ? 0 : parseDuration(text)), 'a length of time such as 30s or 1m30s');
  const command = flags.options.text('healthCmd');
  const health: HealthSettings = {
    command: command === undefined ? undefined : ['/bin/sh', '-c', command],
    intervalMs: duration('health-interval'),
    timeoutMs: duration('health-timeout'),
    startPeriodMs: duration('health-start-period'),
    startIntervalMs: duration('health-start-interval'),
    retries: parsed(flags, 'health-retries', (text) => integer(text, 1), 'a whole number above 0'),
  };
  const given = Object.values(health).some((value) => value !== undefined);
  // commander's way to tell that --no-healthcheck was given.
  if (flags.options.flag('healthcheck')) return given ? health : undefined;
  if (given) throw refusedFlag(flags, 'no-healthcheck', '', 'no other flag that begins with --health');
  return false;
}

function logOf(flags: Flags): LogSettings | undefined {
  const driver = flags.options.text('logDriver') as LogSettings['driver'];
  const options = pairsOf(flags, 'log-opt', { bare: false }) ?? {};
  const read: { -readonly [K in keyof LogSettings]: LogSettings[K] } = driver === undefined ? {} : { driver };
  for (const [name, value] of Object.entries(options)) {
    if (name === 'max-size') read.maxSize = parseByteSize(value) || undefined;
    else if (name === 'max-file') read.maxFiles = integer(value, 1);
    if ((name === 'max-size' ? read.maxSize : name === 'max-file' ? read.maxFiles : undefined) === undefined)
      throw refusedFlag(flags, 'log-opt', `${name}=${value}`, 'max-size=SIZE, as in max-size=10m, or max-file=COUNT');
  }
  return Object.keys(read).length === 0 ? undefined : read;
}
