import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RuntimeResources } from '@slipway/plugin-api';
import * as v from 'valibot';

const recordSchema = v.object({
  memoryMiB: v.number(),
  cpus: v.number(),
  accel: v.picklist(['kvm', 'tcg']),
  /** Key of the image that it boots. */
  image: v.string(),
  /** What its container may use, as config.json says it and updates have changed it. */
  resources: v.pipe(
    v.looseObject({}),
    v.transform((resources): RuntimeResources => resources),
  ),
});

/** What a container's machine is, in the container's folder. */
export type MachineRecord = v.InferOutput<typeof recordSchema>;

export function writeMachineRecord(directory: string, record: MachineRecord): void {
  const file = path.join(directory, 'machine.json');
  // Others read it at any time.
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Undefined where its creation was interrupted. */
export function readMachineRecord(directory: string): MachineRecord | undefined {
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(readFileSync(path.join(directory, 'machine.json'), 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Of the machines of all containers in the folder: a restart boots the same image again. */
export function imagesInUse(containers: string): readonly string[] {
  return namesIn(containers).flatMap((name) => readMachineRecord(path.join(containers, name))?.image ?? []);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
