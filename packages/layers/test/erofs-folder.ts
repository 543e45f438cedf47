import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder for images. */
export class ImageFolder implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-erofs-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Has the format's own checker look at an image, all content read; throws what it complains of. */
export function fsck(image: string): void {
  const { status, stdout, stderr } = spawnSync('fsck.erofs', ['--extract', image], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`fsck.erofs: status ${status}: ${stdout}${stderr}`);
}
