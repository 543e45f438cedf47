import type { TmpfsSettings } from '@slipway/plugin-api';
import { parseByteSize } from '../byte-size.js';
import { type FlagText, octalMode, refused, targetOf } from './mount-words.js';

/** How every tmpfs is anyway. */
const always = new Set(['rw', 'nosuid', 'nodev', 'noexec']);

/** Docker's `--tmpfs TARGET[:OPTIONS]`: `/run:size=64m,mode=1777,exec`. Unlike `-v`, all after the first colon are options. */
export function parseTmpfsFlag(text: string): TmpfsSettings {
  const from: FlagText = { flag: '--tmpfs', text };
  const colon = text.indexOf(':');
  const target = targetOf(from, colon === -1 ? text : text.slice(0, colon));
  const mount: { -readonly [K in keyof TmpfsSettings]: TmpfsSettings[K] } = { type: 'tmpfs', target };
  if (colon === -1) return mount;
  const seen = new Set<string>();
  for (const word of text.slice(colon + 1).split(',')) {
    const [name = '', ...rest] = word.split('=');
    const value = rest.length === 0 ? undefined : rest.join('=');
    if (seen.has(name)) throw refused(from, `has "${name}" twice`);
    seen.add(name);
    if (name === 'size' && value !== undefined) mount.size = tmpfsSize(from, name, value);
    else if (name === 'mode' && value !== undefined) mount.mode = octalMode(from, name, value);
    else if (word === 'ro') mount.readOnly = true;
    else if (word === 'exec') mount.exec = true;
    else if (!always.has(word)) {
      throw refused(from, `has the option ${JSON.stringify(word)}, expected size=BYTES, mode=OCTAL, exec, ro or rw`);
    }
  }
  for (const [one, other] of [
    ['ro', 'rw'],
    ['exec', 'noexec'],
  ] as const) {
    if (seen.has(one) && seen.has(other)) throw refused(from, `has both "${one}" and "${other}"`);
  }
  return mount;
}

/** Above 0: to the kernel a size of 0 is no limit at all. */
export function tmpfsSize(from: FlagText, name: string, value: string): number {
  const size = parseByteSize(value);
  if (size === undefined || size === 0) throw refused(from, `has ${name}=${value}, expected a size above 0 such as 64m`);
  return size;
}
