import type { ListVolumesOptions, Volume, VolumeInfo, VolumeUsage } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allVolumes, type FoundVolume } from './drivers.js';
import { anonymousLabel } from './make-volume.js';
import { volumeUsers } from './users.js';

/** All kinds of filters that are given must hold; of several values of one kind one must, of labels all. */
export async function listVolumes(parts: EngineParts, { filters = {} }: ListVolumesOptions): Promise<readonly Volume[]> {
  const { name: names, driver: drivers, label: labels = [], dangling } = filters;
  const users = volumeUsers(parts);
  return (await allVolumes(parts))
    .map((found) => describeVolume(found, users(found.driver, found.info.name)))
    .filter((volume) => names === undefined || names.some((part) => volume.name.includes(part)))
    .filter((volume) => drivers === undefined || drivers.includes(volume.driver))
    .filter((volume) => hasLabels(volume, labels))
    .filter((volume) => dangling === undefined || dangling === (volume.containers.length === 0));
}

export function describeVolume({ driver, info }: FoundVolume, containers: readonly string[], usage?: VolumeUsage): Volume {
  return { ...info, driver, anonymous: isAnonymous(info), containers, ...(usage === undefined ? {} : { usage }) };
}

export function isAnonymous({ labels }: VolumeInfo): boolean {
  return Object.hasOwn(labels, anonymousLabel);
}

/** `key` or `key=value`. */
export function hasLabels({ labels }: VolumeInfo, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const equals = label.indexOf('=');
    const key = equals === -1 ? label : label.slice(0, equals);
    return Object.hasOwn(labels, key) && (equals === -1 || labels[key] === label.slice(equals + 1));
  });
}
