import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capabilities } from '@slipway/plugin-api';

/** An implementation of the contract `T` that is to be tested. Disposing it twice is as once. */
export interface Subject<T> extends AsyncDisposable {
  readonly instance: T;
  /** What it measured of itself on activation: laws are gated by this. */
  readonly capabilities: Capabilities;
  /** Where it keeps things on disk (`dirs.root` of a plugin), below the root that it was opened on; absent when nowhere. */
  readonly folder?: string | undefined;
}

/** Opens on `root`: an empty folder, or what another one, here or in a process that was killed, left there. */
export type OpenSubject<T> = (root: string) => Promise<Subject<T>>;

export interface SuiteOptions {
  /**
   * URL of a module that exports the same function as `openSubject`, so that other processes can open the subject. Absent for what
   * lives in one process alone: the laws of several processes and of kill -9 are then not for it.
   */
  readonly module?: string | undefined;
  /** URL of the plugin's package.json: code and manifest are compared. Absent for what is no plugin of its own. */
  readonly manifest?: string | URL | undefined;
  /**
   * Every named step that the implementation announces (see `step` of plugin-api) while it changes what it keeps. A process
   * is killed right after each of them; one that is never announced fails its law. Suites say in which work they look for them.
   */
  readonly steps?: readonly string[] | undefined;
}

/** What a fresh subject says of itself: suites register their laws by it. */
export async function capabilitiesOf<T>(open: OpenSubject<T>): Promise<Capabilities> {
  await using place = await temporaryRoot();
  await using subject = await open(place.root);
  return subject.capabilities;
}

export async function temporaryRoot(): Promise<AsyncDisposable & { readonly root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'slipway-laws-'));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}
