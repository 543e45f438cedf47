import { readFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, type ProcessIdentity, SlipwayError, type StatusRecord, statusFile, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const identity = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(1)), startTicks: v.string() });
const exit = v.object({
  exitCode: v.pipe(count, v.maxValue(255)),
  signal: v.exactOptional(count),
  exitedAt: v.string(),
  oomKilled: v.boolean(),
});
const health = v.object({
  status: v.picklist(['starting', 'healthy', 'unhealthy']),
  failures: count,
  last: v.exactOptional(v.object({ endedAt: v.string(), exitCode: v.number(), output: v.string() })),
});
const schema = v.object({
  status: v.picklist(['created', 'running', 'restarting', 'exited']),
  bootId: v.string(),
  monitor: identity,
  process: v.exactOptional(identity),
  startedAt: v.exactOptional(v.string()),
  exit: v.exactOptional(exit),
  restarts: count,
  stopRequested: v.boolean(),
  health: v.exactOptional(health),
});

/** What the monitor wrote last; undefined when it has written nothing. Errors: `data-loss` for a file that is none of its making. */
export function readStatus(directory: string): StatusRecord | undefined {
  const file = path.join(directory, statusFile);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`status of a container in ${JSON.stringify(file)}`, error);
  }
  // Some file systems leave this of a file that was made just before the power failed.
  if (text === '') return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  throw new SlipwayError({
    kind: 'data-loss',
    code: 'STATUS_DAMAGED',
    message: `status of a container in ${JSON.stringify(file)}: ${v.summarize(parsed.issues).replaceAll('\n', ' ')}`,
    hint: 'the file was not written by the container monitor; remove the container, or the file',
    details: { file },
  });
}

/** Whether the very process lives: in this boot, with this start time. One that has ended and was not reaped does not. */
export function isAlive(process: ProcessIdentity, bootId: string): boolean {
  try {
    if (readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() !== bootId) return false;
    const text = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
    // The second field may hold anything, spaces and parentheses too; the third is the state, the 22nd the start time.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] !== 'Z' && fields[0] !== 'X' && fields[19] === process.startTicks;
  } catch {
    return false;
  }
}
