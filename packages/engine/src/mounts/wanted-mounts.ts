import path from 'node:path';
import type { ContainerSettings, ImageConfig, MountSettings } from '@slipway/plugin-api';
import * as v from 'valibot';
import { labelsSchema } from '../metadata/rows.js';
import { invalidMount } from './invalid-mount.js';
import { checkPlace } from './resolve-target.js';

/** Each takes a descriptor from here to the monitor, and an anonymous volume is made for each of the image's. */
const mostMounts = 512;

/** As the kernel has it, with the NUL. */
const longestPath = 4095;

const text = v.pipe(
  v.string(),
  v.check((value) => value.isWellFormed() && !value.includes('\0'), 'text without NUL'),
  v.maxLength(longestPath),
);
const absolute = v.pipe(
  text,
  v.check((value) => value.startsWith('/'), 'an absolute path'),
);
const relative = v.pipe(
  text,
  v.check((value) => value !== '' && !value.startsWith('/') && !value.split('/').includes('..'), 'a relative path without ".."'),
);
const common = { target: absolute, readOnly: v.optional(v.boolean()) };

const schema = v.variant('type', [
  v.strictObject({
    type: v.literal('bind'),
    ...common,
    source: absolute,
    propagation: v.optional(v.picklist(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'])),
    nonRecursive: v.optional(v.boolean()),
    createSource: v.optional(v.boolean()),
    subpath: v.optional(relative),
  }),
  v.strictObject({
    type: v.literal('volume'),
    ...common,
    volume: v.optional(v.pipe(v.string(), v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'the name of a volume'))),
    driver: v.optional(v.string()),
    options: v.optional(labelsSchema),
    labels: v.optional(labelsSchema),
    noCopy: v.optional(v.boolean()),
    subpath: v.optional(relative),
  }),
  v.strictObject({
    type: v.literal('tmpfs'),
    ...common,
    // To the kernel a size of 0 is no limit.
    size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
    mode: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777))),
    exec: v.optional(v.boolean()),
  }),
]);

/**
 * What is to be mounted in a container: what its settings say, and an anonymous volume for each of the image's volumes where nothing else goes. Targets are clean
 * (no `.`, `..`, `//`), and no two are the same. Errors: `invalid-argument` with MOUNT_INVALID.
 */
export function wantedMounts(settings: Pick<ContainerSettings, 'mounts'>, image: ImageConfig): readonly MountSettings[] {
  const wanted = settingsMounts(settings);
  const targets = new Set(wanted.map(({ target }) => target));
  for (const name of Object.keys(image.config?.Volumes ?? {})) {
    if (!v.is(absolute, name)) throw invalidMount(name, 'the image has a volume there, expected an absolute path');
    const target = cleanTarget(name);
    if (!targets.has(target)) wanted.push({ type: 'volume', target });
    targets.add(target);
    if (wanted.length > mostMounts) throw invalidMount(target, `there are more mounts than the ${mostMounts} that are possible`);
  }
  return wanted;
}

/** The settings' own alone. */
export function settingsMounts({ mounts = [] }: Pick<ContainerSettings, 'mounts'>): MountSettings[] {
  if (mounts.length > mostMounts)
    throw invalidMount(mounts[mostMounts]?.target ?? '', `there are more mounts than the ${mostMounts} that are possible`);
  const checked = mounts.map(checkedMount);
  const twice = checked.find(({ target }, index) => checked.findIndex((other) => other.target === target) < index);
  if (twice !== undefined) throw invalidMount(twice.target, 'two mounts go there', 'leave out one of them');
  return checked;
}

function checkedMount(given: MountSettings): MountSettings {
  const parsed = v.safeParse(schema, given);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const field = v.getDotPath(issue) ?? 'mount';
    throw invalidMount(String(given?.target), `its ${field} is wrong: ${issue.message}`);
  }
  return { ...parsed.output, target: cleanTarget(parsed.output.target) };
}

function cleanTarget(target: string): string {
  const clean = path.posix.normalize(target).replace(/(?<=.)\/+$/, '');
  if (clean === '/') throw invalidMount(target, "nothing can be mounted over the container's root");
  checkPlace(target, clean);
  return clean;
}
