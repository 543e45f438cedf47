import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { folderInside } from './dnsmasq.js';

export interface Listening {
  readonly address: string;
  /** It asks nobody: questions would be a way out of an internal network. */
  readonly isInternal: boolean;
}

/**
 * What a network's resolver works with:
 *
 *     pid             its number
 *     listening       its address, and whether it may ask others
 *     seen/           as it sees it, read-only, without root's rights
 *       hosts/<id>    one for each container: lines of a hosts file
 *       servers       names that are never asked for elsewhere, a line each
 *     new/            of files that are being written
 */
export class NetworkFolder {
  readonly path: string;

  constructor(folder: string) {
    this.path = folder;
  }

  get pidFile(): string {
    return path.join(this.path, 'pid');
  }

  get seen(): string {
    return path.join(this.path, 'seen');
  }

  /** Of containers, by their ids. */
  get hosts(): string {
    return path.join(this.seen, 'hosts');
  }

  static readonly hostsInside = path.join(folderInside, 'hosts');
  static readonly serversInside = path.join(folderInside, 'servers');

  fill(): void {
    for (const name of ['seen', 'seen/hosts']) mkdirSync(path.join(this.path, name), { recursive: true, mode: 0o755 });
    mkdirSync(path.join(this.path, 'new'), { recursive: true, mode: 0o700 });
  }

  /** Containers that have names. */
  ids(): readonly string[] {
    try {
      return readdirSync(this.hosts);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** Of the resolver, once it was started. */
  listening(): Listening | undefined {
    try {
      const [address = '', kind] = readFileSync(path.join(this.path, 'listening'), 'utf8').split(' ');
      return { address, isInternal: kind === 'internal' };
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  setListening({ address, isInternal }: Listening): void {
    const temporary = path.join(this.path, 'new', 'listening');
    writeFileSync(temporary, isInternal ? `${address} internal` : address, { mode: 0o600 });
    renameSync(temporary, path.join(this.path, 'listening'));
  }

  /** All that it answers itself: names of containers, and the network's own, below which there is nothing else. */
  names(): readonly string[] {
    const lines = this.ids().flatMap((id) => this.#linesOf(id));
    return [path.basename(this.path), ...lines.flatMap((line) => line.split(' ').slice(1))];
  }

  /** A container's own resolver asks without the lock: whoever goes meanwhile has none. */
  #linesOf(id: string): readonly string[] {
    try {
      return readFileSync(path.join(this.hosts, id), 'utf8').split('\n');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  setHosts(id: string, text: string): void {
    this.#write(path.join('hosts', id), text);
    this.#writeServers();
  }

  removeHosts(id: string): void {
    rmSync(path.join(this.hosts, id), { force: true });
    this.#writeServers();
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #writeServers(): void {
    this.#write('servers', serverLines(this.names()));
  }

  /** As a whole, at once: the resolver may read it at any time. */
  #write(name: string, text: string): void {
    const temporary = path.join(this.path, 'new', path.basename(name));
    // Its reader is nobody.
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, path.join(this.seen, name));
  }
}

/**
 * For a resolver's `servers-file`. A name of a container is never asked for elsewhere, whatever the type of the question: nobody outside learns it, and an answer "no such name" for
 * its AAAA cannot hide its A.
 */
export function serverLines(names: readonly string[]): string {
  return [...new Set(names)]
    .toSorted()
    .map((name) => `server=/${name}/\n`)
    .join('');
}
