import { defineTable, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { expect } from 'vitest';
import { leftInPlace, makePlace, namesIn, type Place } from '../place.ts';
import { type CommandLine, cli, reportOf } from './cli.ts';

export interface Refusal {
  readonly kind: string;
  readonly code: string;
  /** What the message must name. */
  readonly names: readonly string[];
  /** What the hint must say. */
  readonly hint?: string | undefined;
  /** Exit status; that of a failed `run` unless said: 125, of any other command: 1. */
  readonly status?: number | undefined;
  /** What was fetched may stay for a retry (docs/adr/0009). */
  readonly keepsContent?: boolean | undefined;
}

type Found = Readonly<Record<string, ReadonlySet<string>>>;

/** A store that is looked into, from this process, before and after commands of other processes. */
export class WatchedPlace implements AsyncDisposable {
  readonly place: Place;
  readonly host: Host;

  private constructor(place: Place, host: Host) {
    this.place = place;
    this.host = host;
  }

  /** As `makePlace`. */
  static async open(config = '', disk?: string): Promise<WatchedPlace> {
    const place = makePlace(config, disk);
    return new WatchedPlace(place, await place.openHost());
  }

  async pull(name: string): Promise<void> {
    await (await this.host.engine()).pull(name);
  }

  /** @param how also another config file than that of the place */
  slipway(args: readonly string[], how: CommandLine & { readonly config?: string } = {}): ReturnType<typeof cli> {
    const { root, state } = this.place.options;
    const config = how.config ?? this.place.options.config;
    return cli(['--json', '--config', config, '--root', root, '--state', state, ...args], how);
  }

  /** Runs a command that must fail so, and leave everything as it was. */
  async refuses(args: readonly string[], expected: Refusal, how?: Parameters<WatchedPlace['slipway']>[1]): Promise<void> {
    const before = await this.look();
    const ended = await this.slipway(args, how);
    const report = reportOf(ended);
    expect(report).toMatchObject({ kind: expected.kind, code: expected.code });
    for (const name of expected.names) expect(report.message).toContain(name);
    // What was expected instead is as good as a hint.
    if (!report.message.includes(', expected '))
      expect(report.hint ?? '', `hint of ${report.code}: ${report.message}`).not.toBe('');
    if (expected.hint !== undefined) expect(report.hint).toContain(expected.hint);
    expect(report.message).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(ended.status).toBe(expected.status ?? (args[0] === 'run' ? 125 : 1));
    expect(leftBehind(before, await this.look(), expected.keepsContent ? leasedKinds : [])).toEqual([]);
  }

  /** Everything that a command could leave, by name. */
  async look(): Promise<Found> {
    const metadata = await this.host.kernel.get(metadataPoint);
    const snapshotter = await this.host.kernel.get(snapshotterPoint, 'overlay');
    const rows = (table: string): Set<string> =>
      metadata.read((tx) => new Set([...tx.entries(defineTable<unknown>(table, (value) => value))].map(([key]) => key)));
    const snapshots: string[] = [];
    for await (const { name, kind } of snapshotter.walk()) snapshots.push(`${kind} ${name}`);
    const { root } = this.place;
    return {
      ...Object.fromEntries(['images', 'containers', 'content', 'leases', 'image-mounts'].map((table) => [table, rows(table)])),
      blobs: new Set(namesIn(`${root}/content.v1/local/blobs/sha256`)),
      snapshots: new Set(snapshots),
      folders: new Set(namesIn(`${root}/snapshotter.v1/overlay/snapshots`)),
      inFlight: new Set(leftInPlace(this.place)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    this.place[Symbol.dispose]();
  }
}

const leasedKinds = ['content', 'leases', 'blobs', 'snapshots', 'folders'];

/** What is there and was not. What went was garbage: a failed pull sweeps as it leaves. Images and containers never go by that. */
export function leftBehind(before: Found, after: Found, mayStay: readonly string[] = []): string[] {
  const added = Object.entries(after)
    .filter(([kind]) => !mayStay.includes(kind))
    .flatMap(([kind, names]) => [...names].filter((name) => !before[kind]?.has(name)).map((name) => `added ${kind} ${name}`));
  const lost = ['images', 'containers'].flatMap((kind) =>
    [...(before[kind] ?? [])].filter((name) => !after[kind]?.has(name)).map((name) => `lost ${kind} ${name}`),
  );
  return [...added, ...lost];
}
