import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { CreateRequest, RuntimeSpec } from '@slipway/plugin-api';
import { cannot } from './refusal.js';

/** The guest has a loopback of its own, and nothing else. Errors: `unimplemented` for a network that would be missing. */
export function checkNetwork(
  id: string,
  { linux: { namespaces } }: RuntimeSpec,
  attachments: CreateRequest['attachments'] = [],
): void {
  const wanted = namespaces.find(({ type }) => type === 'network')?.path;
  if (wanted === undefined) return;
  const tree = attachments.find(({ directory }) => directory === wanted);
  const namespace = openSync(tree === undefined ? wanted : `/proc/self/fd/${tree.fd}`, constants.O_RDONLY);
  try {
    if (interfacesIn(namespace).every((name) => name === 'lo')) return;
  } finally {
    closeSync(namespace);
  }
  throw cannot(id, 'networks do not reach into virtual machines', 'use --network none');
}

function interfacesIn(namespace: number): readonly string[] {
  const own = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  try {
    linux.enterNetworkNamespace(namespace);
    try {
      const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').slice(2);
      return lines.flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
    } finally {
      linux.enterNetworkNamespace(own);
    }
  } finally {
    closeSync(own);
  }
}
