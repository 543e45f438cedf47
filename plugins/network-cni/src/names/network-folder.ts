import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { folderInside } from './dnsmasq.js';

/**
 * What a network's resolver works with:
 *
 *     pid             its number
 *     listening       its address
 *     seen/           as it sees it, read-only, without root's rights
 *       hosts/<id>    one for each container: lines of a hosts file
 *       servers       names that are never asked for elsewhere, a line each
 *     new/            of files that are being written
 *     own/<id>/       of a resolver for one container, which has nameservers of its own
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

  static readonly hostsInside = path.join(folderInside, 'hosts');
  static readonly serversInside = path.join(folderInside, 'servers');

  make(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    for (const name of ['seen', 'seen/hosts']) mkdirSync(path.join(this.path, name), { recursive: true, mode: 0o755 });
    mkdirSync(path.join(this.path, 'new'), { recursive: true, mode: 0o700 });
  }

  /** Containers that have names. */
  ids(): readonly string[] {
    try {
      return readdirSync(path.join(this.seen, 'hosts'));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** The address of the resolver, once it was started. */
  listening(): string | undefined {
    try {
      return readFileSync(path.join(this.path, 'listening'), 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  setListening(address: string): void {
    const temporary = path.join(this.path, 'new', 'listening');
    writeFileSync(temporary, address, { mode: 0o600 });
    renameSync(temporary, path.join(this.path, 'listening'));
  }

  /** Those of a container. */
  addresses(id: string): string[] {
    const lines = readFileSync(path.join(this.seen, 'hosts', id), 'utf8').split('\n');
    return lines.flatMap((line) => (line === '' ? [] : [line.split(' ')[0] ?? '']));
  }

  setHosts(id: string, text: string): void {
    this.#write(path.join('hosts', id), text);
    this.#writeServers();
  }

  removeHosts(id: string): void {
    rmSync(path.join(this.seen, 'hosts', id), { force: true });
    this.#writeServers();
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /**
   * A name of a container is never asked for elsewhere, whatever the type of the question: nobody outside learns it, and an answer "no such name" for its AAAA cannot hide its A. Only these very names: a
   * network may be called as a domain of the Internet is.
   */
  #writeServers(): void {
    const lines = this.ids().flatMap((id) => readFileSync(path.join(this.seen, 'hosts', id), 'utf8').split('\n'));
    const names = new Set(lines.flatMap((line) => line.split(' ').slice(1)));
    this.#write(
      'servers',
      [...names]
        .toSorted()
        .map((name) => `server=/${name}/\n`)
        .join(''),
    );
  }

  /** As a whole, at once: the resolver may read it at any time. */
  #write(name: string, text: string): void {
    const temporary = path.join(this.path, 'new', path.basename(name));
    // Its reader is nobody.
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, path.join(this.seen, name));
  }
}
