import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { nftAddress } from '../firewall/nft.js';
import { findDnsmasq, startDnsmasq, stopDnsmasq } from '../names/dnsmasq.js';
import { nameOf, setName, tables } from './egress-rules.js';
import type { Zone } from './policy.js';

/** Seconds after which a program is to ask again; far less than an address stays allowed. */
const longestTtl = 60;

export interface ResolverSettings {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly args: readonly string[];
}

/** Answers names of a policy's zones and no others, and allows an address before it tells it. */
export function resolverArgs(id: string, zones: readonly Zone[], upstreams: readonly string[]): string[] {
  const table = nameOf(tables.inet).replace(' ', '#');
  return [
    '--no-resolv',
    // An answer from memory would not allow its addresses again.
    '--cache-size=0',
    `--max-ttl=${longestTtl}`,
    // Everything else: there is no such name, and nobody is asked.
    '--address=/#/',
    ...zones.flatMap(({ name, hasSelf, hasBelow }) => [
      ...upstreams.map((upstream) => `--server=/${hasSelf ? '' : '*.'}${name}/${nftAddress(upstream)}`),
      ...(hasBelow ? [] : [`--address=/*.${name}/`]),
    ]),
    ...zones.map(
      ({ name }, index) => `--nftset=/${name}/4#${table}#${setName('n', 4, index, id)},6#${table}#${setName('n', 6, index, id)}`,
    ),
  ];
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
    return findDnsmasq(this.#file(id, 'pid')) !== undefined;
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
