import type { BindSettings, MountSettings, VolumeSettings } from '@slipway/plugin-api';
import { type FlagText, hostPath, propagationOf, propagationWords, refused, targetOf, volumeName } from './mount-words.js';

/**
 * Docker's `-v [SOURCE:]TARGET[:OPTIONS]`. A source that begins with `/` or `.` is a folder or file of this host, which is made when it is missing; any other is the
 * name of a volume. Colons part the fields and cannot be escaped: a path with one goes with `--mount`.
 */
export function parseVolumeFlag(text: string, cwd: string = process.cwd()): MountSettings {
  const from: FlagText = { flag: '-v', text };
  const fields = text.split(':');
  if (fields.length > 3) {
    throw refused(
      from,
      `has ${fields.length} fields between colons, expected [SOURCE:]TARGET[:OPTIONS]`,
      'a path with a colon in it: --mount type=bind,source=PATH,target=PATH',
    );
  }
  if (fields.includes('')) throw refused(from, 'has an empty field, expected [SOURCE:]TARGET[:OPTIONS]');
  const [first = '', second, words] = fields;
  if (second === undefined) return { type: 'volume', target: targetOf(from, first) };
  const target = targetOf(from, second);
  const said = readWords(from, words === undefined ? [] : words.split(','));
  return /^[/.]/.test(first)
    ? bind(from, said, { type: 'bind', source: hostPath(from, first, cwd), target, createSource: true })
    : volume(from, said, { type: 'volume', volume: volumeName(from, first), target });
}

interface Said {
  readonly readOnly?: true;
  readonly noCopy?: true;
  readonly propagation?: NonNullable<BindSettings['propagation']>;
}

function bind(from: FlagText, { noCopy, ...said }: Said, mount: BindSettings): BindSettings {
  if (noCopy) throw refused(from, 'has "nocopy", which is for volumes: nothing is ever copied to a folder of this host');
  return { ...mount, ...said };
}

function volume(from: FlagText, { propagation, ...said }: Said, mount: VolumeSettings): VolumeSettings {
  if (propagation !== undefined) {
    throw refused(
      from,
      `has "${propagation}", which is for folders of this host: what is mounted in a volume shows nowhere else`,
    );
  }
  return { ...mount, ...said };
}

/** Of each kind one word. */
type Kind = 'access' | 'label' | 'copy' | 'propagation' | 'consistency';

/**
 * Without effect: `z` and `Z`, as no container is confined by SELinux here and so none needs its files relabelled; and what
 * only Docker Desktop heeds.
 */
const kinds: Readonly<Record<string, Kind>> = {
  rw: 'access',
  ro: 'access',
  z: 'label',
  Z: 'label',
  nocopy: 'copy',
  consistent: 'consistency',
  cached: 'consistency',
  delegated: 'consistency',
};

function readWords(from: FlagText, words: readonly string[]): Said {
  const seen = new Map<Kind, string>();
  for (const word of words) {
    const propagation = propagationOf(word);
    const kind = propagation === undefined ? (Object.hasOwn(kinds, word) ? kinds[word] : undefined) : 'propagation';
    if (kind === undefined) {
      throw refused(from, `has the option ${JSON.stringify(word)}, expected ro, rw, nocopy, z, Z, ${propagationWords}`);
    }
    const other = seen.get(kind);
    if (other !== undefined) throw refused(from, `has both "${other}" and "${word}"`);
    seen.set(kind, word);
  }
  const propagation = propagationOf(seen.get('propagation') ?? '');
  return {
    ...(seen.get('access') === 'ro' ? { readOnly: true } : {}),
    ...(seen.has('copy') ? { noCopy: true } : {}),
    ...(propagation === undefined ? {} : { propagation }),
  };
}
