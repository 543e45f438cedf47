import type { Declarations } from '@slipway/plugin-api';
import type { StackChoice } from './config/load.js';
import type { Catalog } from './plugins/catalog.js';
import type { Problem } from './problem.js';

/**
 * Whether the plugins of a stack fit together, by what their manifests declare and without loading code: the runtime accepts
 * every kind of mount that each snapshotter produces, and some differ (the pinned one, if any) writes the snapshotter's layer target.
 * A manifest that declares nothing proves nothing, which is a problem too.
 */
export function checkStack(name: string, stack: StackChoice, catalog: Catalog): Problem[] {
  const declared = (point: string, id: string): Declarations | undefined =>
    catalog.entries.find(({ manifest }) => manifest.provides === point && manifest.id === id)?.manifest.declares;
  const accepts = list(declared('runtime.v1', stack.runtime)?.['accepts']);
  const differs = catalog.entries.filter(
    ({ manifest, disabled }) =>
      manifest.provides === 'differ.v1' && !disabled && (stack.differ === undefined || manifest.id === stack.differ),
  );
  return stack.snapshotter.flatMap((id) => {
    const declares = declared('snapshotter.v1', id);
    if (declares === undefined) return [];
    const problems: Problem[] = [];
    const produces = list(declares['produces']);
    const refused = produces.filter((kind) => !accepts.includes(kind));
    if (produces.length === 0) problems.push(unfit(name, `snapshotter "${id}" does not declare what it produces`));
    if (refused.length > 0) {
      problems.push(
        unfit(
          name,
          `snapshotter "${id}" produces ${refused.join(', ')} mounts, but runtime "${stack.runtime}" accepts ${accepts.join(', ') || 'nothing'}`,
        ),
      );
    }
    const target = declares['layerTarget'];
    if (typeof target !== 'string') problems.push(unfit(name, `snapshotter "${id}" does not declare its layerTarget`));
    else if (!differs.some(({ manifest }) => list(manifest.declares['writes']).includes(target))) {
      const who = stack.differ === undefined ? 'no differ' : `differ "${stack.differ}" does not`;
      problems.push(
        unfit(
          name,
          `snapshotter "${id}" takes layers as "${target}", which ${who} write${stack.differ === undefined ? 's' : ''}`,
        ),
      );
    }
    return problems;
  });
}

function list(value: Declarations[string] | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : typeof value === 'string' ? [value] : [];
}

function unfit(name: string, reason: string): Problem {
  return {
    kind: 'failed-precondition',
    code: 'STACK_UNFIT',
    message: `stack "${name}" does not fit: ${reason}`,
    hint: 'wire a snapshotter, differ and runtime that agree (slipway plugins ls shows what they declare)',
  };
}
