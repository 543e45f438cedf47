import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';

export interface Link {
  readonly type: 'symlink' | 'link';
  readonly linkname: string;
}

export async function layer(files: Readonly<Record<string, string | Buffer | Link>>): Promise<Buffer> {
  const packed = pack();
  for (const [name, content] of Object.entries(files)) {
    const mtime = new Date(1_000_000);
    if (typeof content === 'string' || Buffer.isBuffer(content)) packed.entry({ name, mtime }, content);
    else packed.entry({ name, mtime, ...content }, '');
  }
  packed.finalize();
  const parts: Buffer[] = [];
  for await (const part of packed) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
