import type { Engine } from 'slipway';

/** In the order in which they are measured: each finds the store as the one before has left it. */
export const operations = [
  'images ls',
  'content ls',
  'prune of nothing',
  'rmi of one image',
  'prune of half',
  'prune --all',
] as const;

export type OperationName = (typeof operations)[number];

export interface Measured {
  readonly name: OperationName;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Resident, of the process. */
  readonly peakBytes: number;
  /** For so long the event loop did nothing else. */
  readonly longestTurnMs: number;
}

export async function carryOut(engine: Engine, name: OperationName): Promise<void> {
  switch (name) {
    case 'images ls':
      await engine.images.list();
      break;
    case 'content ls':
      await engine.system.content();
      break;
    case 'prune of nothing':
    case 'prune of half':
      await engine.system.prune();
      break;
    case 'rmi of one image':
      await engine.images.remove('registry.example.com/app:v1');
      break;
    case 'prune --all':
      await engine.system.prune({ all: true });
  }
}
