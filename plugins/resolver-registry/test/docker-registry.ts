import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A real registry (CNCF distribution, Debian's docker-registry) with its own storage on a free port of 127.0.0.1. */
export class DockerRegistry implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  static async start(
    options: { readonly auth?: object; readonly tls?: { certificate: string; key: string }; readonly port?: number } = {},
  ): Promise<DockerRegistry> {
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-registry-'));
    const port = options.port ?? (await freePort());
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: path.join(folder, 'data') } },
      http: { addr: `127.0.0.1:${port}`, secret: 'not a secret', ...(options.tls === undefined ? {} : { tls: options.tls }) },
      ...(options.auth === undefined ? {} : { auth: options.auth }),
    };
    // YAML is a superset of JSON.
    const file = path.join(folder, 'config.yml');
    writeFileSync(file, JSON.stringify(config));
    const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const registry = new DockerRegistry(child, folder, port);
    for (let tries = 0; tries < 200; tries += 1) {
      if (child.exitCode !== null) throw new Error(`docker-registry ended: ${said}`);
      if (await accepts(port)) return registry;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await registry[Symbol.asyncDispose]();
    throw new Error(`docker-registry does not answer: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGKILL')) await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function accepts(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
