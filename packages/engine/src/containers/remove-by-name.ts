import type { RemoveContainerOptions } from '@slipway/plugin-api';
import { isUnreadable } from '../metadata/container-rows.js';
import type { EngineParts } from '../settings.js';
import { findContainer } from './find.js';
import { removeContainer } from './remove.js';

/** Also one whose row cannot be read. */
export async function removeByName(parts: EngineParts, name: string, options: RemoveContainerOptions): Promise<void> {
  try {
    return await removeContainer(parts, findContainer(parts, name).id, options);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const { removeUnreadable } = await import('./remove-unreadable.js');
    return removeUnreadable(parts, String(error.details['id']), options);
  }
}
