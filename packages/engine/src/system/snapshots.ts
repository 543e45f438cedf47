import { SlipwayError, type SnapshotDetails, type SnapshotsOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function listSnapshots(_parts: EngineParts, _options: SnapshotsOptions = {}): Promise<readonly SnapshotDetails[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'listSnapshots' });
}
