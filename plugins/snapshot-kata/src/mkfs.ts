import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where it is looked for: also where a user's PATH does not lead. */
export const programPath = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);

export function isMkfsThere(): boolean {
  return programPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'mkfs.ext4'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
