import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { RuntimeContainer } from '@slipway/plugin-api';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** All that a container says until it ends. */
export async function outcome(container: RuntimeContainer): Promise<Ended> {
  const [stdout, stderr, { exitCode }] = await Promise.all([all(container.stdout), all(container.stderr), container.wait()]);
  return { code: exitCode, stdout, stderr };
}

async function all(stream: Readable | undefined): Promise<string> {
  return stream === undefined ? '' : await text(stream);
}
