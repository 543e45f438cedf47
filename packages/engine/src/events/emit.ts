import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { type EventLine, hasCode } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { eventsFolder, journalFile, maxJournalBytes } from './journal.js';
import { rotateJournal } from './rotate.js';

/** With its newline: one write of so many bytes is never mixed with another's. */
const maxLineBytes = 4096;

/**
 * Tells everyone who follows the events of this state folder. What cannot be told is logged, and no reason to fail for whatever has happened. Attributes that make
 * the line too long are left out, the longest first, with their names.
 */
export function emit(parts: Pick<EngineParts, 'settings' | 'log'>, event: Omit<EventLine, 'time'>): void {
  const { state } = parts.settings;
  try {
    const fd = openJournal(state);
    let size: number;
    try {
      const line = lineOf({ time: now(), ...event });
      // On a full disk a part of it may be there: the next one is not to be read as its end.
      if (writeSync(fd, line) < line.length) writeSync(fd, '\n');
      ({ size } = fstatSync(fd));
    } finally {
      closeSync(fd);
    }
    if (size > maxJournalBytes) rotateJournal(state);
  } catch (error) {
    parts.log.warn(`event "${event.action}" of ${event.type} "${event.id}" is not told: ${String(error)}`);
  }
}

/** With what Docker tells of a container: its name, its image, its labels. */
export function emitOfContainer(
  parts: Pick<EngineParts, 'settings' | 'log'>,
  action: string,
  { id, row }: { readonly id: string; readonly row: Pick<ContainerRow, 'name' | 'image' | 'labels'> },
  attributes: EventLine['attributes'] = {},
): void {
  emit(parts, { type: 'container', action, id, attributes: { ...row.labels, image: row.image, name: row.name, ...attributes } });
}

function openJournal(state: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  const open = (): number => openSync(journalFile(state), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    return open();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    mkdirSync(eventsFolder(state), { recursive: true, mode: 0o700 });
    return open();
  }
}

/** RFC 3339 with nanoseconds, of which a Date knows the first three digits. */
function now(): string {
  return new Date().toISOString().replace('Z', '000000Z');
}

/** In one pass: an image may have ten thousand labels, and every event of its containers tells of them. */
function lineOf(event: EventLine): Buffer {
  const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  const sized = Object.entries(event.attributes).map(([key, value]) => ({ key, value, bytes: bytesOf({ [key]: value }) }));
  let left = maxLineBytes - bytesOf({ ...event, attributes: {} }) - 1;
  const told: (readonly [string, string])[] = [];
  for (const { key, value, bytes } of sized.toSorted((one, other) => one.bytes - other.bytes)) {
    // Its braces are a comma at most.
    left -= bytes - 1;
    if (left < 0) break;
    told.push([key, value]);
  }
  return Buffer.from(`${JSON.stringify({ ...event, attributes: Object.fromEntries(told) })}\n`);
}
