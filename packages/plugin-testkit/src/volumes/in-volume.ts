import { closeSync, readFileSync, writeFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { hasCode, type Mount } from '@slipway/plugin-api';

/** Files at the top of a volume. */
export interface VolumeFiles {
  write(name: string, text: string): void;
  /** Undefined when it is not there. */
  read(name: string): string | undefined;
}

/** Looks into a volume as a container would: it is mounted, attached to nowhere. */
export function inVolume<T>(mount: Mount, work: (files: VolumeFiles) => T): T {
  const tree = linux.mountDetached([mount]);
  try {
    return work({
      write: (name, text) => writeFileSync(`/proc/self/fd/${tree}/${name}`, text),
      read: (name) => {
        try {
          return readFileSync(`/proc/self/fd/${tree}/${name}`, 'utf8');
        } catch (error) {
          if (hasCode(error, 'ENOENT')) return undefined;
          throw error;
        }
      },
    });
  } finally {
    closeSync(tree);
  }
}
