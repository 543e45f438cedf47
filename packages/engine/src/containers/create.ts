import type { Container, CreateContainerOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';
import type { Works } from '../works.js';

export async function createContainer(_parts: EngineParts, _works: Works, _options: CreateContainerOptions): Promise<Container> {
  throw unfinished('createContainer');
}
