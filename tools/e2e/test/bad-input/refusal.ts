import { defineTable, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { expect } from 'vitest';
import { leftInPlace, makePlace, namesIn, type Place } from '../place.ts';
import { type CommandLine, cli, type Report, reportOf } from './cli.ts';

export interface Refusal {
  readonly kind: string;
  readonly code: string;
  /** What the message must name. */
  readonly names: readonly string[];
  /** Exit status; that of a failed `run` unless said: 125, of any other command: 1. */
  readonly status?: number | undefined;
  /** What was fetched may stay for a retry (docs/adr/0009). */
  readonly keepsContent?: boolean | undefined;
}

/** A store that is looked into, from this process, before and after commands of other processes. */
export class WatchedPlace implements AsyncDisposable {
  private constructor(
    readonly place: Place,
    private readonly host: Host,
  ) {}

  static async open(config = '', parent?: string): Promise<WatchedPlace> {
    const place = makePlace(config, parent);
    return new WatchedPlace(place, await place.openHost());
  }

  slipway(args: readonly string[], how?: CommandLine): ReturnType<typeof cli> {
    const { config, root, state } = this.place.options;
    return cli(['--json', '--config', config, '--root', root, '--state', state, ...args], how);
  }

  /** Runs a command that must fail so, and leave everything as it was. */
  async refuses(args: readonly string[], expected: Refusal, how?: CommandLine): Promise<Report> {
    const before = await this.look();
    const ended = await this.slipway(args, how);
    const report = reportOf(ended);
    expect(report).toMatchObject({ kind: expected.kind, code: expected.code });
    for (const name of expected.names) expect(report.message).toContain(name);
    expect(report.hint ?? '', `hint of ${report.code}: ${report.message}`).not.toBe('');
    expect(report.message).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(ended.status).toBe(expected.status ?? (args[0] === 'run' ? 125 : 1));
    const after = await this.look();
    if (expected.keepsContent) expect({ ...after, ...kept(before) }).toEqual(before);
    else expect(after).toEqual(before);
    return report;
  }

  /** Everything that a command could leave, by name. */
  async look(): Promise<Record<string, readonly string[]>> {
    const metadata = await this.host.kernel.get(metadataPoint);
    const snapshotter = await this.host.kernel.get(snapshotterPoint, 'overlay');
    const rows = (table: string): string[] =>
      metadata.read((tx) => [...tx.entries(defineTable<unknown>(table, (value) => value))].map(([key]) => key));
    const snapshots: string[] = [];
    for await (const { name, kind } of snapshotter.walk()) snapshots.push(`${kind} ${name}`);
    const { root } = this.place;
    return {
      ...Object.fromEntries(['images', 'containers', 'content', 'leases', 'image-mounts'].map((table) => [table, rows(table)])),
      blobs: namesIn(`${root}/content.v1/local/blobs/sha256`).toSorted(),
      snapshots: snapshots.toSorted(),
      folders: namesIn(`${root}/snapshotter.v1/overlay/snapshots`).toSorted(),
      inFlight: leftInPlace(this.place),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    this.place[Symbol.dispose]();
  }
}

/** Those that a lease may have kept. */
function kept(before: Record<string, readonly string[]>): object {
  const { content, leases, blobs, snapshots, folders } = before;
  return { content, leases, blobs, snapshots, folders };
}
