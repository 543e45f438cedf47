import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSummary, Engine } from 'slipway';
import { expect } from 'vitest';
import { namesIn, type Place } from './place.ts';

/** Under load a moment is long. */
const deadlineMs = 60_000;

/** Waits for something to become so. `found`: what is so instead. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  found: () => string = () => '',
): Promise<T> {
  for (const deadline = Date.now() + deadlineMs; ; await sleep(20)) {
    const result = await look();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > deadline) throw new Error(`${what} did not happen: ${found()}`);
  }
}

export async function summary(engine: Engine, name: string): Promise<ContainerSummary | undefined> {
  return (await engine.containers.list({ all: true })).find((one) => one.name === name || one.id === name);
}

/** A program that says that it runs, and ends with 7 when it is asked to end. */
export const patient = ['sh', '-c', 'trap "exit 7" TERM; echo up; while :; do sleep 0.02; done'];

/** The text of a container's log, without times and streams. */
export function logOf(place: Place, id: string): string {
  const file = path.join(place.root, 'containers', id, 'log');
  if (!existsSync(file)) return '';
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => `${line.split(' ').slice(3).join(' ')}\n`).join('');
}

/** A program that traps signals has said so. */
export async function isUp(place: Place, id: string): Promise<void> {
  await until(`output of ${id}`, async () => logOf(place, id).includes('up'));
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** What the root keeps of containers on disk: no more than the rows tell of. */
export async function expectFoldersOfRows(place: Place, engine: Engine): Promise<void> {
  const ids = (await engine.containers.list({ all: true })).map(({ id }) => id);
  expect(namesIn(path.join(place.root, 'containers')).filter((id) => !ids.includes(id))).toEqual([]);
}
