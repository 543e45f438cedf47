import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import type { Engine, MountSettings, RunOptions } from '@slipway/plugin-api';
import { expect } from 'vitest';
import { leftInPlace, makePlace, type Place } from './place.ts';

/** What a container with the mounts said, and how it ended. */
export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A place with an image that has a shell, and one made of it that has files of all kinds in /data and a volume there. */
export class VolumePlace implements AsyncDisposable {
  readonly place: Place;
  readonly engine: Engine;
  readonly image: string;

  private constructor(place: Place, engine: Engine, image: string) {
    this.place = place;
    this.engine = engine;
    this.image = image;
  }

  /** Full name, as `commit` wants it. */
  readonly withData = 'example.com/with-data:latest';

  static async make(): Promise<VolumePlace> {
    await using registry = await startRegistry({ images: ['small'] });
    const place = makePlace();
    const engine = await place.open();
    const image = `${registry.address}/test/small:latest`;
    await engine.pull(image);
    return new VolumePlace(place, engine, image);
  }

  /** Owners, modes, links of both kinds, a FIFO, an empty folder, names that are not plain. */
  async makeDataImage(): Promise<void> {
    const script = `mkdir -p /data/sub/empty && chown 7:8 /data && chmod 2750 /data && cd /data &&
      echo one > one && ln one sub/hard && ln -s one soft && ln -s /nowhere dangling && mkfifo fifo &&
      echo two > 'sub/a b:c,d' && chmod 4711 'sub/a b:c,d' && chown 9:10 'sub/a b:c,d' && touch -d '2001-02-03 04:05:06' sub`;
    await this.makeImage(this.withData, script, ['VOLUME /data']);
  }

  async makeImage(name: string, script: string, changes: readonly string[] = []): Promise<void> {
    await using container = await this.engine.run({ image: this.image, args: ['sh', '-c', script], removeAtExit: false });
    const { exitCode, stderr } = await container.output();
    expect([exitCode, stderr.toString()]).toEqual([0, '']);
    await this.engine.containers.commit(container.id, name, { changes });
    await this.engine.containers.remove(container.id, { volumes: true });
  }

  async run(script: string, mounts: readonly MountSettings[], more: Partial<RunOptions> = {}): Promise<Said> {
    await using container = await this.engine.run({ image: this.image, args: ['sh', '-c', script], mounts, ...more });
    const { exitCode, stdout, stderr } = await container.output();
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** What it prints; it must end well. */
  async out(script: string, mounts: readonly MountSettings[], more?: Partial<RunOptions>): Promise<string> {
    const said = await this.run(script, mounts, more);
    expect(said).toMatchObject({ exitCode: 0, stderr: '' });
    return said.stdout;
  }

  /** An empty folder of this host. */
  folder(name = 'folder'): string {
    const made = path.join(mkdtempSync(path.join(this.place.folder, 'host-')), name);
    mkdirSync(made);
    return made;
  }

  /** Removes all containers and volumes, and expects that nothing is left. */
  async clear(): Promise<void> {
    for (const { id } of await this.engine.containers.list({ all: true })) {
      await this.engine.containers.remove(id, { force: true, volumes: true });
    }
    await this.engine.volumes.prune({ all: true });
    expect(await this.engine.volumes.list()).toEqual([]);
    await expect.poll(() => leftInPlace(this.place), { timeout: 60_000, interval: 100 }).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    this.place[Symbol.dispose]();
  }
}
