import { readFileSync } from 'node:fs';
import type { LayerTarget, LayerTree } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { type DifferInstance, putBlob } from './subject.js';

/** What a child process does with a differ. A layer is a file that it puts into its content store first. */
export type DifferOperation =
  | { readonly do: 'apply'; readonly layer: string; readonly target: LayerTarget }
  | { readonly do: 'stage'; readonly layer: string; readonly target: LayerTarget; readonly lower: readonly LayerTree[] }
  | { readonly do: 'compare'; readonly lower: readonly LayerTree[]; readonly upper: readonly LayerTree[] }
  /** Says the most memory that the process had so far, in KiB. */
  | { readonly do: 'memory' };

export const operate: Operate<DifferInstance, DifferOperation> = async ({ differ, content }, operation) => {
  switch (operation.do) {
    case 'apply':
      await differ.apply(await putBlob(content, readFileSync(operation.layer)), operation.target);
      return undefined;
    case 'stage': {
      const staged = await differ.stage?.(await putBlob(content, readFileSync(operation.layer)), operation.target);
      await staged?.rebase(operation.lower);
      return undefined;
    }
    case 'compare':
      await differ.compare?.(operation.lower, operation.upper);
      return undefined;
    case 'memory':
      return String(process.resourceUsage().maxRSS);
  }
};
