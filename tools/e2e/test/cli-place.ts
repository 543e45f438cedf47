import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import { expect } from 'vitest';
import { type Report, reportOf } from './bad-input/cli.ts';
import { type Ended, runCli } from './child.ts';
import { leftInPlace, makePlace, type Place } from './place.ts';

/** The `slipway` command on a place of its own, which has an image with a shell under the name `box`. Each test that makes containers ends with {@link clear}. */
export class CliPlace implements Disposable {
  readonly place: Place;
  /** Full name of the image, that of its registry. */
  readonly image: string;

  private constructor(place: Place, image: string) {
    this.place = place;
    this.image = image;
  }

  /** @param config further lines of the config file */
  static async make(config = ''): Promise<CliPlace> {
    await using registry = await startRegistry({ images: ['small'] });
    const cli = new CliPlace(makePlace(config), `${registry.address}/test/small:latest`);
    await cli.out('pull', '-q', cli.image);
    await cli.out('tag', cli.image, 'box');
    return cli;
  }

  run(...args: readonly string[]): Promise<Ended> {
    return runCli(this.place, args);
  }

  /** What it prints; it must not fail, nor warn. */
  async out(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
    return stdout;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.out('--json', ...args)) as T;
  }

  /** The error that it ends with, and the exit code. */
  async refused(...args: readonly string[]): Promise<Report & { readonly status: number | null }> {
    const ended = await this.run('--json', ...args);
    return { ...reportOf(ended), status: ended.status };
  }

  /** A container whose first process obeys SIGTERM; gives its id. */
  async sleeper(name: string, ...options: readonly string[]): Promise<string> {
    const script = 'trap "exit 7" TERM; while :; do sleep 1000 & wait; done';
    const id = (await this.out('create', '--name', name, ...options, 'box', 'sh', '-c', script)).trim();
    await this.out('start', name);
    return id;
  }

  async status(name: string): Promise<string> {
    const [{ status } = { status: 'gone' }] = await this.json<{ status: string }[]>('inspect', '--type', 'container', name);
    return status;
  }

  async reaches(name: string, wanted: string): Promise<void> {
    while ((await this.status(name)) !== wanted) await sleep(50);
  }

  /** Removes every container, and expects that nothing is left. */
  async clear(): Promise<void> {
    const ids = (await this.out('ps', '-aq', '--no-trunc')).split('\n').filter(Boolean);
    if (ids.length > 0) await this.out('rm', '-f', '-v', ...ids);
    // A monitor ends a moment after its container.
    await expect.poll(() => leftInPlace(this.place), { timeout: 60_000, interval: 100 }).toEqual([]);
  }

  [Symbol.dispose](): void {
    this.place[Symbol.dispose]();
  }
}
