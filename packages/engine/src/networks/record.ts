import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, type PublishedPort, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { bundleDirectory } from '../containers/folder.js';

const portSchema = v.object({
  protocol: v.picklist(['tcp', 'udp', 'sctp']),
  hostAddress: v.string(),
  hostPort: v.number(),
  containerPort: v.number(),
});

const schema = v.object({
  /** Who has it attached. */
  plugin: v.string(),
  ports: v.array(portSchema),
});

/** What of a running container's networks only its start knew. */
export interface NetworkRecord {
  readonly plugin: string;
  readonly ports: readonly PublishedPort[];
}

/** In the bundle: it lives as long as the run does. As long as it is there, something may be attached. */
export function networkRecordFile(state: string, id: string): string {
  return path.join(bundleDirectory(state, id), 'network.json');
}

/** Undefined where nothing is, or was, attached in this run. */
export function readNetworkRecord(state: string, id: string): NetworkRecord | undefined {
  const file = networkRecordFile(state, id);
  try {
    return v.parse(schema, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw wrapError(`read ${JSON.stringify(file)}`, error);
  }
}

export function writeNetworkRecord(state: string, id: string, record: NetworkRecord): void {
  const file = networkRecordFile(state, id);
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw wrapError(`write ${JSON.stringify(file)}`, error);
  }
}

export function removeNetworkRecord(state: string, id: string): void {
  rmSync(networkRecordFile(state, id), { force: true });
}
