import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';

export async function layer(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const packed = pack();
  for (const [name, content] of Object.entries(files)) packed.entry({ name, mtime: new Date(1_000_000) }, content);
  packed.finalize();
  const parts: Buffer[] = [];
  for await (const part of packed) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
