import { rmSync } from 'node:fs';
import path from 'node:path';
import {
  type AttachNetworksRequest,
  type CreateNetworkOptions,
  type DetachNetworksRequest,
  hasCode,
  type Logger,
  type Network,
  type NetworkAttachment,
  type NetworkFeatures,
  type NetworkInfo,
  type PluginDirs,
  step,
  throwIfAborted,
  tokens,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { attach } from './attach/attach.js';
import { AttachmentRecords } from './attach/attachment-record.js';
import { cleanup } from './attach/cleanup.js';
import type { AttachPlace } from './attach/place.js';
import { release } from './attach/release.js';
import { withoutPrefix } from './attach/services-of.js';
import { networkNamePattern } from './cni/conflist.js';
import type { CniConfig } from './config.js';
import { invalidId, invalidName, networkInUse, networkNotFound, networkNotOurs, networksClosed } from './errors.js';
import { measuredFeatures } from './features.js';
import { lockPath } from './locks.js';
import { foreignBridge, foreignSubnets } from './networks/foreign-networks.js';
import { type KnownNetwork, NetworkBook } from './networks/network-book.js';
import { removeNetworkFile } from './networks/network-file.js';
import type { OwnNetwork } from './networks/own-network.js';
import { openServices } from './open-services.js';
import type { Services } from './services.js';

const idPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

const reserved = new Set(['none', 'host', 'default']);

/** Networks by CNI plugins of the host. */
@injectable()
export class CniNetworks implements Network, AsyncDisposable {
  readonly #place: AttachPlace;
  #services: Promise<Services> | undefined;
  #isClosed = false;

  constructor(@inject(tokens.dirs) dirs: PluginDirs, @inject(tokens.config) config: CniConfig, @inject(tokens.log) log: Logger) {
    const records = new AttachmentRecords(dirs.state);
    this.#place = {
      config,
      log,
      records,
      book: new NetworkBook(dirs.root, config, log),
      services: () => (this.#services ??= openServices(config, records.boot)),
    };
  }

  async features(): Promise<NetworkFeatures> {
    this.#checkOpen();
    return await attempt('measure what networks can do', () => measuredFeatures(this.#place.config));
  }

  async create(name: string, options: CreateNetworkOptions = {}): Promise<NetworkInfo> {
    this.#check('create', name);
    return await attempt(`create network "${name}"`, async () => {
      const own = await this.#place.book.create(name, options);
      return this.#info({ kind: 'own', name, own, conflist: { cniVersion: '1.0.0', name, plugins: [] } });
    });
  }

  async inspect(name: string): Promise<NetworkInfo> {
    this.#check('inspect', name);
    return await attempt(`inspect network "${name}"`, async () => this.#info(await this.#place.book.get('inspect', name)));
  }

  async list(): Promise<readonly NetworkInfo[]> {
    this.#checkOpen();
    return await attempt('list networks', async () => this.#place.book.all().map((each) => this.#info(each)));
  }

  async remove(name: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#check('remove', name);
    throwIfAborted(`remove network "${name}"`, signal);
    await attempt(`remove network "${name}"`, async () => {
      const known = this.#known(name);
      if (known === 'damaged') return await this.#removeDamaged(name, signal);
      if (known === undefined) throw networkNotFound('remove', name);
      if (known.kind === 'foreign') throw networkNotOurs(name, known.foreign.file);
      using _lock = await lockPath(known.own.file, 'exclusive', { signal }).catch((error: unknown) => {
        throw this.#place.book.find(name) === undefined ? networkNotFound('remove', name) : error;
      });
      const users = this.#entries(name).map(({ id }) => id);
      if (users.length > 0) throw networkInUse(name, users);
      // Another process may have removed it and created it anew, before this one had the lock.
      const now = this.#place.book.find(name);
      await this.#dismantle(now?.kind === 'own' ? now.own : known.own);
      removeNetworkFile(known.own.file);
      step('network.remove.removed', { name });
    });
  }

  async attach(request: AttachNetworksRequest): Promise<readonly NetworkAttachment[]> {
    this.#checkId('attach', request.id);
    for (const { network } of request.networks) this.#check('join', network);
    return await attempt(`attach "${request.id}"`, () => attach(this.#place, request));
  }

  async detach(id: string, { network, ...options }: DetachNetworksRequest = {}): Promise<void> {
    this.#checkId('detach', id);
    throwIfAborted(`detach "${id}"`, options.signal);
    await attempt(`detach "${id}"`, async () => {
      using claimed = await this.#place.records.claim(id, { make: false, signal: options.signal });
      if (claimed === undefined) return;
      const record = claimed.read();
      // Noted, and nothing made.
      if (record === undefined) return claimed.remove();
      const entries = record.entries.filter((entry) => network === undefined || entry.network === network);
      if (entries.length > 0 || network === undefined) await release(this.#place, claimed, record, entries, options);
    });
  }

  async rename(id: string, names: readonly string[]): Promise<void> {
    this.#checkId('rename', id);
    await attempt(`rename "${id}"`, async () => {
      using claimed = await this.#place.records.claim(id, { make: false });
      const record = claimed?.read();
      if (claimed === undefined || record === undefined) return;
      claimed.write({ ...record, names: [...names] });
      const services = await this.#place.services();
      for (const { own, attachment, aliases } of record.entries) {
        if (own === undefined || attachment === undefined) continue;
        const addresses = attachment.addresses.map(withoutPrefix);
        await services.names.add(own, { id, names, aliases, addresses });
      }
    });
  }

  async attachments(id: string): Promise<readonly NetworkAttachment[]> {
    this.#checkId('look at', id);
    return await attempt(`networks of "${id}"`, async () => {
      const entries = this.#place.records.read(id)?.entries ?? [];
      return entries.flatMap(({ isAttached, attachment }) => (isAttached && attachment !== undefined ? [attachment] : []));
    });
  }

  async cleanup(living: ReadonlySet<string>): Promise<void> {
    this.#checkOpen();
    await attempt('clean up networks', () => cleanup(this.#place, living));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #known(name: string): KnownNetwork | 'damaged' | undefined {
    try {
      return this.#place.book.find(name);
    } catch (error) {
      if (hasCode(error, 'NETWORK_DAMAGED')) return 'damaged';
      throw error;
    }
  }

  /** Its bridge is not known any more, and stays until the host restarts. */
  async #removeDamaged(name: string, signal: AbortSignal | undefined): Promise<void> {
    const file = this.#place.book.file(name);
    using _lock = await lockPath(file, 'exclusive', { signal });
    const users = this.#entries(name).map(({ id }) => id);
    if (users.length > 0) throw networkInUse(name, users);
    rmSync(path.join(this.#place.records.addresses, name), { recursive: true, force: true });
    removeNetworkFile(file);
    step('network.remove.removed', { name });
  }

  /** Of a network that nobody can join meanwhile. */
  async #dismantle(own: OwnNetwork): Promise<void> {
    const { firewall } = await this.#place.services();
    await firewall.removeNetwork(own);
    rmSync(path.join(this.#place.records.addresses, own.name), { recursive: true, force: true });
    step('network.remove.dismantled', { name: own.name });
  }

  #info(known: KnownNetwork): NetworkInfo {
    const attached = this.#attached(known.name);
    if (known.kind === 'foreign') {
      const { foreign, conflist } = known;
      const bridge = foreignBridge(foreign);
      const mtu = conflist.plugins.map((plugin) => plugin['mtu']).find((each) => typeof each === 'number' && each > 0);
      return {
        name: known.name,
        driver: conflist.plugins[0]?.type ?? '',
        subnets: foreignSubnets(foreign),
        internal: false,
        labels: {},
        options: {},
        ...(typeof mtu === 'number' ? { mtu } : {}),
        ...(bridge === undefined ? {} : { bridge }),
        file: foreign.file,
        attached,
      };
    }
    return { driver: 'bridge', ...known.own, attached };
  }

  #attached(network: string): NetworkInfo['attached'] {
    return this.#entries(network).flatMap(({ id, isAttached, addresses }) => (isAttached ? [{ id, addresses }] : []));
  }

  /** Also of those that are being attached, or were when they were killed. */
  #entries(
    network: string,
  ): readonly { readonly id: string; readonly isAttached: boolean; readonly addresses: readonly string[] }[] {
    return this.#place.records
      .all()
      .flatMap(({ id, entries }) =>
        entries
          .filter((entry) => entry.network === network)
          .map(({ attachment, isAttached }) => ({ id, isAttached, addresses: (attachment?.addresses ?? []).map(withoutPrefix) })),
      );
  }

  #checkOpen(): void {
    if (this.#isClosed) throw networksClosed();
  }

  #check(what: string, name: string): void {
    this.#checkOpen();
    if (typeof name !== 'string' || !networkNamePattern.test(name) || reserved.has(name)) throw invalidName(what, String(name));
  }

  #checkId(what: string, id: string): void {
    this.#checkOpen();
    if (typeof id !== 'string' || !idPattern.test(id)) throw invalidId(what, String(id));
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw wrapError(what, error);
  }
}
