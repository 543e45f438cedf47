import { randomBytes } from 'node:crypto';
import { recordedReference } from '@slipway/oci';
import type { ReadTransaction } from '@slipway/plugin-api';
import { containerNamesTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';

/** With room for the dash and five digits in 64. */
const maxStemLength = 58;

/** `<last part of the image's name>-<5 hex>`, which no other container has. */
export function generatedName(tx: ReadTransaction, image: string): string {
  const stem = stemOf(image);
  for (;;) {
    const name = `${stem}-${randomBytes(3).toString('hex').slice(0, 5)}`;
    if (tx.get(containerNamesTable, rowKey(name)) === undefined) return name;
  }
}

/** What of it a name may have. */
function stemOf(image: string): string {
  const repository = recordedReference(image)?.repository ?? image;
  const last = repository.split('/').at(-1) ?? '';
  const stem = (last.split('@')[0]?.split(':')[0] ?? '').replaceAll(/[^a-zA-Z0-9_.-]/g, '-').replace(/^[^a-zA-Z0-9]+/, '');
  return stem.slice(0, maxStemLength) || 'container';
}
