import { type LayerNode, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function layerTree(_parts: EngineParts): Promise<readonly LayerNode[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'layerTree' });
}
