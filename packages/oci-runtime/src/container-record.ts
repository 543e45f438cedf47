import { readFileSync, writeFileSync } from 'node:fs';
import type { Cgroup } from '@slipway/cgroups';
import type { ProcessIdentity } from '@slipway/plugin-api';
import * as v from 'valibot';
import type { ContainerFolder } from './container-folder.js';

const recordSchema = v.object({
  /** Absolute. */
  bundle: v.string(),
  /** Cgroups that the creation may make. */
  cgroups: v.array(v.string()),
  /** Where the monitor keeps its status. */
  statusDirectory: v.string(),
});

const cgroupSchema = v.object({ directories: v.record(v.string(), v.string()) });
const identitySchema = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(2)), startTicks: v.string() });

/** What whoever finds the container must know of its creation. Written before there is anything else. */
export type ContainerRecord = v.InferOutput<typeof recordSchema>;

export function writeRecord(folder: ContainerFolder, record: ContainerRecord): void {
  write(folder.record, record);
}

/** Undefined when the creator was killed before it wrote it, and so before there was a monitor. */
export function readRecord(folder: ContainerFolder): ContainerRecord | undefined {
  return readJson(folder.record, recordSchema);
}

/** The cgroup that the tool gave it, as it was before a program of the user's could move itself. */
export function writeCgroup(folder: ContainerFolder, cgroup: Cgroup): void {
  write(folder.cgroup, cgroup);
}

export function readCgroup(folder: ContainerFolder): Cgroup | undefined {
  return readJson(folder.cgroup, cgroupSchema);
}

export function writeMonitor(file: string, monitor: ProcessIdentity): void {
  write(file, monitor);
}

export function readMonitor(file: string): ProcessIdentity | undefined {
  return readJson(file, identitySchema);
}

/** What is frozen in a machine cannot be seen from here. A restart is another process, and not paused. */
export function markPaused(folder: ContainerFolder, process: ProcessIdentity): void {
  write(folder.paused, process);
}

export function isMarkedPaused(folder: ContainerFolder, process: ProcessIdentity): boolean {
  const marked = readJson(folder.paused, identitySchema);
  return marked?.pid === process.pid && marked.startTicks === process.startTicks;
}

function write(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value), { mode: 0o600 });
}

/** A file that is missing, or half written by a process that was killed, says nothing. */
function readJson<S extends v.GenericSchema>(file: string, schema: S): v.InferOutput<S> | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
