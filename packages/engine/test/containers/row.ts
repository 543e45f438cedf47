import type { ContainerRow } from '../../dist/metadata/containers.js';

/** Of a container that nobody made. */
export function containerRow(changes: Partial<ContainerRow> = {}): ContainerRow {
  return {
    name: 'some',
    image: 'x',
    operation: 'run-1',
    manifest: 'sha256:1',
    chainId: null,
    snapshotter: 'overlay',
    snapshotKey: 'key',
    runtime: 'runc',
    createdAt: '2026-01-01T00:00:00Z',
    settings: {},
    command: ['true'],
    stopSignal: 15,
    labels: {},
    removeAtExit: false,
    wanted: 'running',
    volumes: [],
    ...changes,
  };
}
