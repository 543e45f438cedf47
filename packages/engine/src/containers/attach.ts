import type { AttachOptions, ContainerStreams, TerminalSize } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function attachToContainer(_parts: EngineParts, _id: string, _options: AttachOptions): Promise<ContainerStreams> {
  throw unfinished('attachToContainer');
}
export async function resizeContainer(_parts: EngineParts, _id: string, _size: TerminalSize): Promise<void> {
  throw unfinished('resizeContainer');
}
