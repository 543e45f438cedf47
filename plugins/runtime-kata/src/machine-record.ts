import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';

const recordSchema = v.object({
  memoryMiB: v.number(),
  cpus: v.number(),
  accel: v.picklist(['kvm', 'tcg']),
  /** Key of the image that it boots. */
  image: v.string(),
});

/** What a container's machine is, in the container's folder. */
export type MachineRecord = v.InferOutput<typeof recordSchema>;

export function writeMachineRecord(directory: string, record: MachineRecord): void {
  writeFileSync(path.join(directory, 'machine.json'), JSON.stringify(record), { mode: 0o600 });
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
