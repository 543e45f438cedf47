import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PluginDirs } from '@slipway/plugin-api';
import { type OverlayRefusal, probeOverlay } from './probe.js';

/**
 * The probe takes some 10 ms, a tenth of a container's start. That it succeeded holds for this folder until the machine starts
 * anew, so it is written down in the state folder. A refusal is found out again each time: its cause can be mended.
 */
export function rememberedProbe(dirs: PluginDirs): OverlayRefusal | undefined {
  const note = join(dirs.state, 'overlay-works');
  const place = `${bootId()} ${folderId(dirs.root)}`;
  if (readNote(note) === place) return undefined;
  const refusal = probeOverlay(dirs.root);
  if (refusal === undefined) writeNote(note, place);
  return refusal;
}

function readNote(note: string): string | undefined {
  try {
    return readFileSync(note, 'utf8');
  } catch {
    return undefined;
  }
}

/** Without it, on a full state folder, the probe is only made again. */
function writeNote(note: string, place: string): void {
  try {
    writeFileSync(note, place, { mode: 0o600 });
  } catch {
    rmSync(note, { force: true });
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function folderId(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true });
  return `${dev}:${ino}`;
}
