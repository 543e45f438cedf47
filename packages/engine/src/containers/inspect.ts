import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type ContainerDetails,
  type ContainerMount,
  type ContainerNetwork,
  hasCode,
  type RuntimeSpec,
  SlipwayError,
  wrapError,
} from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import { readNetworkRecord } from '../networks/record.js';
import type { EngineParts } from '../settings.js';
import { containerById, type FoundContainer } from './find.js';
import { supervisionFolder } from './folder.js';
import { containerState } from './state.js';
import { summaryWith } from './summary.js';

export async function inspectContainer(parts: EngineParts, id: string): Promise<ContainerDetails> {
  const container = containerById(parts, id);
  const { row } = container;
  const folder = supervisionFolder(parts.settings, id);
  const log = path.join(folder, 'log');
  const spec = await lastSpec(path.join(folder, 'config.json'));
  const state = await containerState(parts, container);
  return {
    ...summaryWith(parts, container, state),
    manifest: row.manifest,
    chainId: row.chainId,
    snapshotKey: row.snapshotKey,
    settings: row.settings,
    ...(spec === undefined ? {} : { spec }),
    mounts: row.volumes.length === 0 && row.settings.mounts === undefined ? [] : await describe(parts, row),
    networks: await networksOf(parts, container),
    ...(existsSync(log) ? { logPath: log } : {}),
    ...(state.machine === undefined ? {} : { machine: state.machine }),
    removeAtExit: row.removeAtExit,
  };
}

async function describe(parts: EngineParts, row: ContainerRow): Promise<readonly ContainerMount[]> {
  const { describeMounts } = await import('../mounts/describe-mounts.js');
  return describeMounts(parts, row);
}

/** Loads nothing for one that has joined none in this run. */
async function networksOf(parts: EngineParts, container: FoundContainer): Promise<readonly ContainerNetwork[]> {
  if (readNetworkRecord(parts.settings.state, container.id) === undefined) return [];
  const { containerNetworks } = await import('../networks/describe-networks.js');
  return containerNetworks(parts, container);
}

async function lastSpec(file: string): Promise<RuntimeSpec | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RuntimeSpec;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (error instanceof SyntaxError) throw damaged(file, error);
    throw wrapError(`read ${JSON.stringify(file)}`, error);
  }
}

function damaged(file: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'CONTAINER_FOLDER_DAMAGED',
    message: `${JSON.stringify(file)} is no JSON`,
    hint: 'the next start writes it anew',
    cause,
  });
}
