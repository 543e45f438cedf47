import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { findDnsmasq, type ShownFolder, startDnsmasq, stopDnsmasq } from './dnsmasq.js';

export interface ResolverSettings {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly args: readonly string[];
  readonly folders?: readonly ShownFolder[];
  /** Whose names it knows. */
  readonly networks?: readonly string[];
}

/** Containers' own resolvers, each with a folder `<id>` that has its `settings.json` and `pid`. */
export class OwnResolvers {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  ids(): readonly string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  settings(id: string): ResolverSettings | undefined {
    try {
      return JSON.parse(readFileSync(this.#file(id, 'settings.json'), 'utf8')) as ResolverSettings;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  isRunning(id: string): boolean {
    return this.process(id) !== undefined;
  }

  process(id: string): number | undefined {
    return findDnsmasq(this.#file(id, 'pid'));
  }

  async start(what: string, id: string, settings: ResolverSettings): Promise<void> {
    const folder = path.join(this.#folder, id);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = this.#file(id, 'settings.json.new');
    writeFileSync(temporary, JSON.stringify(settings), { mode: 0o600 });
    renameSync(temporary, this.#file(id, 'settings.json'));
    await startDnsmasq(what, { pidFile: this.#file(id, 'pid'), ...settings });
  }

  async stop(id: string): Promise<void> {
    await stopDnsmasq(this.#file(id, 'pid'));
  }

  async remove(id: string): Promise<void> {
    await this.stop(id);
    rmSync(path.join(this.#folder, id), { recursive: true, force: true });
  }

  #file(id: string, name: string): string {
    return path.join(this.#folder, id, name);
  }
}

/** One that nobody listens on now; whoever is to have it must be ready for another one to be faster. */
export async function freePort(address: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: address, port: 0, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0));
    });
  });
}
