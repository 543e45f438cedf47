import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Engine, type Host, type OpenEngineOptions, openEngine, openHost } from 'slipway';
import { awaitCleaners, endMonitors, leftInCgroups, leftInMounts, leftInProcesses } from './machine.ts';

/** A root and a state folder of their own, with a config file of their own, so that nothing of the machine's counts. */
export interface Place extends Disposable {
  readonly folder: string;
  readonly root: string;
  readonly state: string;
  readonly options: { readonly config: string; readonly root: string; readonly state: string };
  open(more?: Partial<OpenEngineOptions>): Promise<Engine>;
  openHost(): Promise<Host>;
}

/**
 * @param config further lines of the config file
 * @param disk a folder for the root, where that is to be on a file system of its own
 */
export function makePlace(config = '', disk?: string): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-'));
  const root = path.join(disk ?? folder, 'root');
  const [state, file] = [path.join(folder, 'state'), path.join(folder, 'config.toml')];
  // Tests of networks say so, in network namespaces of their own.
  const network = config.includes('default_network') ? '' : 'default_network = "none"\n';
  writeFileSync(file, `version = 1\n${network}${config}\n`, { mode: 0o600 });
  const options = { config: file, root, state };
  return {
    folder,
    root,
    state,
    options,
    open: (more = {}) => openEngine({ ...options, ...more }),
    openHost: () => openHost(options),
    [Symbol.dispose]: () => {
      endMonitors(folder);
      for (const each of [folder, root]) rmSync(each, { recursive: true, force: true });
    },
  };
}

/** Everything that is in flight or was forgotten, on disk and in the kernel, one line each; looks, and touches nothing. */
export function leftInPlace({ folder, root, state }: Place): string[] {
  awaitCleaners(folder);
  return [
    ...entries(state, 'ops'),
    ...entries(state, 'containers'),
    ...entries(state, 'runtime.v1/runc/containers'),
    ...entries(state, 'runtime.v1/runc/tool'),
    ...entries(state, 'runtime.v1/kata/containers'),
    ...entries(state, 'runtime.v1/kata/tool'),
    ...entries(root, 'content.v1/local/ingest'),
    ...entries(root, 'locks'),
    ...leftInMounts([folder, root]),
    ...leftInProcesses([folder, root]),
    ...leftInCgroups(new Set(containersEver(state))),
  ];
}

/** The ids of all containers that were made on the state folder. */
export function containersEver(state: string): string[] {
  const folder = path.join(state, 'events');
  const journals = namesIn(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  // By pattern: a line may be cut, where a disk was full.
  const create = /"type":"container","action":"create","id":"([0-9a-f]{64})"/g;
  return journals.flatMap((text) => [...text.matchAll(create)].map(([, id = '']) => id));
}

function entries(folder: string, below: string): string[] {
  return namesIn(path.join(folder, below)).map((name) => `${below}/${name}`);
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Files below `blobs` whose bytes are not what their name says. */
export function wrongBlobs({ root }: Place): string[] {
  const blobs = path.join(root, 'content.v1/local/blobs');
  return namesIn(blobs).flatMap((algorithm) =>
    namesIn(path.join(blobs, algorithm)).filter((hex) => {
      const bytes = readFileSync(path.join(blobs, algorithm, hex));
      return createHash(algorithm).update(bytes).digest('hex') !== hex;
    }),
  );
}

export function blobFile({ root }: Place, digest: string): string {
  return path.join(root, 'content.v1/local/blobs', ...digest.split(':'));
}
