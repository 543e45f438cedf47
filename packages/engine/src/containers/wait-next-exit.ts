import { mkdir } from 'node:fs/promises';
import { type EventLine, type ExitStatus, throwIfAborted } from '@slipway/plugin-api';
import { Changes, lookAgainMs } from '../events/changes.js';
import { eventsFolder } from '../events/journal.js';
import { JournalReader } from '../events/reader.js';
import type { EngineParts } from '../settings.js';
import { exitOf, goneUnseen } from './exit-of.js';
import { type FoundContainer, lookUp } from './find.js';
import { type ContainerState, containerState } from './state.js';

/**
 * The end of the run that goes on, else of the one to come; a restart by its policy begins another. Its monitor tells of both in the journal of events, where none is
 * missed; the state is looked at beside it for what has no monitor any more, and for lines that a full disk did not take.
 */
export async function waitForNextExit(
  parts: EngineParts,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  const { state } = parts.settings;
  await mkdir(eventsFolder(state), { recursive: true, mode: 0o700 });
  using changes = new Changes(eventsFolder(state), undefined, signal);
  using reader = new JournalReader(state, 'end');
  const before = await containerState(parts, container);
  let runs = isRunning(before);
  for (let lookedAt = performance.now(); ; ) {
    throwIfAborted(`wait for container "${container.id}"`, signal);
    let isTold = false;
    for (const event of reader.read()) {
      if (event.type !== 'container' || event.id !== container.id) continue;
      isTold = true;
      // The death of a run before ours may be told only now; what starts is ours.
      if (event.action === 'start') runs = true;
      if (event.action === 'die' && runs) return exitTold(await containerState(parts, container), event);
    }
    if (isTold || performance.now() - lookedAt >= lookAgainMs) {
      const now = await containerState(parts, container);
      lookedAt = performance.now();
      if (now.exit !== undefined && now.exit.exitedAt !== before.exit?.exitedAt) return now.exit;
      if (runs && !isRunning(now) && now.status !== 'restarting') return exitOf(container, now);
      if (parts.metadata.read((tx) => lookUp(tx, container.id)) === undefined) throw goneUnseen(container);
      runs ||= isRunning(now);
    }
    await changes.next();
  }
}

/** The record knows more of the exit than the journal, unless another has taken its place, or it went with the container. */
function exitTold({ exit }: ContainerState, { time, attributes: { exitCode, signal } }: EventLine): ExitStatus {
  const told = { exitCode: Number(exitCode), ...(signal === undefined ? {} : { signal: Number(signal) }) };
  const isThisOne = exit !== undefined && exit.exitedAt <= time && exit.exitCode === told.exitCode;
  return isThisOne ? exit : { ...told, exitedAt: time };
}

function isRunning({ status }: ContainerState): boolean {
  return status === 'running' || status === 'paused';
}
