import type { Descriptor, HistoryEntry } from '@slipway/plugin-api';
import { expect, it } from 'vitest';
import { matchHistory } from '../../dist/images/history.js';

const layer = (name: string): Descriptor => ({ mediaType: 'm', digest: name, size: 1 });
const [a, b, c] = [layer('a'), layer('b'), layer('c')];
const empty = { empty_layer: true };

it.each<[string, HistoryEntry[], Descriptor[], object[]]>([
  [
    'as many as layers',
    [{ created_by: '1' }, empty, { created_by: '2' }],
    [a, b],
    [{ created_by: '2', layer: b }, empty, { created_by: '1', layer: a }],
  ],
  ['too few', [{ created_by: '1' }], [a, b, c], [{ layer: c }, { layer: b }, { created_by: '1', layer: a }]],
  ['none', [], [a, b], [{ layer: b }, { layer: a }]],
  ['too many', [{ created_by: '1' }, { created_by: '2' }], [a], [{ created_by: '2' }, { created_by: '1', layer: a }]],
  ['of an image without layers', [empty], [], [empty]],
  ['all said to be empty', [empty, empty], [a], [{ layer: a }, empty, empty]],
])('entries: %s', (_, history, layers, items) => {
  expect(matchHistory(history, layers)).toEqual(items);
});
