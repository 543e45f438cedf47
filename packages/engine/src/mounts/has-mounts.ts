import type { ContainerSettings, ImageConfig } from '@slipway/plugin-api';

/** Most containers have none, and then nothing of mounts is loaded. */
export function hasMounts({ mounts = [] }: Pick<ContainerSettings, 'mounts'>, image: ImageConfig): boolean {
  return mounts.length > 0 || Object.keys(image.config?.Volumes ?? {}).length > 0;
}
