import type { ContainerDefaults } from '@slipway/plugin-api';
import { instructions } from './instructions.js';
import { invalidChange } from './invalid-change.js';

const pattern = /^\s*([A-Za-z]+)(?:[ \t]+(.*?))?\s*$/;

/**
 * Applies instructions as of a Dockerfile, one to a text, in their order. What the defaults have besides, known or not, stays as it is. Errors:
 * `invalid-argument` with `CHANGE_INVALID`, `unimplemented` with `CHANGE_UNSUPPORTED`; both name the instruction.
 */
export function changeDefaults(defaults: ContainerDefaults, changes: readonly string[]): ContainerDefaults {
  let changed = defaults;
  let hasCommand = false;
  for (const change of changes) {
    if (/[\0\r\n]/.test(change)) throw invalidChange(change, 'has a line break or a NUL', 'give each instruction by itself');
    const [, word = '', value = ''] = pattern.exec(change) ?? [];
    if (word === '') throw invalidChange(change, 'begins with no instruction');
    const name = word.toUpperCase();
    const apply = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
    if (apply === undefined) throw invalidChange(change, `begins with ${JSON.stringify(name)}, which is no instruction`);
    try {
      changed = apply(changed, value);
    } catch (error) {
      throw invalidChange(change, error);
    }
    // A command for another entry point makes no sense (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact").
    if (name === 'ENTRYPOINT' && !hasCommand && changed.Cmd !== undefined) changed = { ...changed, Cmd: null };
    hasCommand ||= name === 'CMD';
  }
  return changed;
}
