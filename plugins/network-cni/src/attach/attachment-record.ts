import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { conflistSchema } from '../cni/conflist.js';
import { resultSchema } from '../cni/result.js';
import { busy } from '../errors.js';
import { lockPath, type PathLock } from '../locks.js';
import { ownSchema } from '../networks/network-file.js';

const texts = v.array(v.string());

const attachmentSchema = v.object({
  network: v.string(),
  interface: v.string(),
  mac: v.string(),
  addresses: texts,
  gateways: texts,
  mtu: v.number(),
  hostInterface: v.exactOptional(v.string()),
  nameservers: texts,
  search: texts,
});

const portSchema = v.object({
  protocol: v.picklist(['tcp', 'udp', 'sctp']),
  hostAddress: v.string(),
  hostPort: v.number(),
  containerPort: v.number(),
});

const egressSchema = v.object({
  allow: v.array(
    v.object({
      host: v.string(),
      port: v.exactOptional(v.number()),
      protocol: v.exactOptional(v.picklist(['tcp', 'udp'])),
    }),
  ),
});

const entrySchema = v.object({
  network: v.string(),
  interface: v.string(),
  /** Of a network of ours. */
  own: v.exactOptional(v.object({ ...ownSchema.entries, name: v.string(), file: v.string() })),
  /** As the chain was called, whatever became of the network's file since then. */
  conflist: conflistSchema,
  capabilityArgs: v.record(v.string(), v.unknown()),
  args: v.string(),
  /** Where the namespace was, and which it was: the path may have come to mean another one. */
  namespace: v.object({ path: v.string(), inode: v.number() }),
  aliases: texts,
  /** After each plugin whose ADD has begun; null where it has not come back. */
  results: v.array(v.nullable(resultSchema)),
  hostMac: v.exactOptional(v.string()),
  attachment: v.exactOptional(attachmentSchema),
  /** `attach` has returned, or will whatever comes. */
  isAttached: v.boolean(),
});

const recordSchema = v.object({
  version: v.literal(1),
  id: v.string(),
  names: texts,
  nameservers: v.exactOptional(texts),
  ports: v.exactOptional(v.array(portSchema)),
  egress: v.exactOptional(egressSchema),
  entries: v.array(entrySchema),
});

/** One container's interface in one network. */
export type AttachmentEntry = v.InferOutput<typeof entrySchema>;

/** All that is known of a container's networks. */
export type AttachmentRecord = v.InferOutput<typeof recordSchema>;

/** What nobody's plugins take: another process has been killed, and what it has started goes on for as long as this at most. */
const lockTimeoutMs = 75_000;

const sweepTimeoutMs = 3000;

const fileName = 'record.json';

/** A container's record, which nobody else changes meanwhile. */
export interface ClaimedRecord extends Disposable {
  readonly lock: PathLock;
  /** Undefined when there is none. */
  read(): AttachmentRecord | undefined;
  write(record: AttachmentRecord): void;
  /** With all that says that the container was attached. */
  remove(): void;
}

/**
 * Records in the state folder, `<boot>/attached/<id>/record.json`. What another boot of the machine wrote counts for nothing, also where the folder outlives
 * one. Each folder is locked by who changes what is in it, and by the plugins that it has started: they outlive a kill -9 of it.
 */
export class AttachmentRecords {
  readonly #top: string;
  readonly #boot: string;

  constructor(state: string) {
    this.#top = state;
    this.#boot = path.join(state, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    for (const name of ['attached', 'addresses', 'names/networks', 'names/own', 'egress']) {
      mkdirSync(path.join(this.#boot, name), { recursive: true, mode: 0o700 });
    }
  }

  /** A folder that is new after each boot. */
  get boot(): string {
    return this.#boot;
  }

  /** Where addresses that are given out are kept. */
  get addresses(): string {
    return path.join(this.#boot, 'addresses');
  }

  ids(): readonly string[] {
    return readdirSync(path.join(this.#boot, 'attached'));
  }

  /** As it is at this moment. */
  read(id: string): AttachmentRecord | undefined {
    return readRecord(id, path.join(this.#folder(id), fileName));
  }

  all(): readonly AttachmentRecord[] {
    return this.ids().flatMap((id) => this.read(id) ?? []);
  }

  /** Waits for others that have it. Undefined when it is not there, and is not to be made. Errors: `unavailable`, `canceled`. */
  async claim(
    id: string,
    { make, signal }: { readonly make: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<ClaimedRecord | undefined> {
    const folder = this.#folder(id);
    for (;;) {
      try {
        if (make) mkdirSync(folder, { recursive: true, mode: 0o700 });
        return claimed(id, folder, await lockPath(folder, 'exclusive', { signal, timeoutMs: lockTimeoutMs }));
      } catch (error) {
        if (hasCode(error, 'ETIMEDOUT')) throw busy(id);
        if (!hasCode(error, 'ENOENT')) throw error;
        if (!make) return undefined;
      }
    }
  }

  /** While it is held nobody looks for what no record speaks of: names and rules of one who attaches are not yet seen to be somebody's. */
  async attaching(signal: AbortSignal | undefined): Promise<PathLock> {
    return await lockPath(path.join(this.#boot, 'attached'), 'shared', { signal });
  }

  /** While it is held nobody attaches. Undefined where somebody always does: then the next one sweeps. */
  async alone(): Promise<PathLock | undefined> {
    try {
      return await lockPath(path.join(this.#boot, 'attached'), 'exclusive', { timeoutMs: sweepTimeoutMs });
    } catch (error) {
      if (hasCode(error, 'ETIMEDOUT')) return undefined;
      throw error;
    }
  }

  forgetOtherBoots(): void {
    const own = path.basename(this.#boot);
    for (const name of readdirSync(this.#top)) {
      if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name) && name !== own)
        rmSync(path.join(this.#top, name), { recursive: true, force: true });
    }
  }

  #folder(id: string): string {
    return path.join(this.#boot, 'attached', id);
  }
}

function claimed(id: string, folder: string, lock: PathLock): ClaimedRecord {
  const file = path.join(folder, fileName);
  return {
    lock,
    read: () => readRecord(id, file),
    write(record) {
      const temporary = `${file}.new`;
      writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
      renameSync(temporary, file);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
    [Symbol.dispose]() {
      lock[Symbol.dispose]();
    },
  };
}

function readRecord(id: string, file: string): AttachmentRecord | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    return v.parse(recordSchema, JSON.parse(text));
  } catch (error) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'NETWORK_RECORD_DAMAGED',
      message: `networks of "${id}": "${file}" does not say what it is attached to`,
      hint: 'restart the host, or remove that folder and what it has made by hand',
      cause: error,
      details: { id, file },
    });
  }
}
