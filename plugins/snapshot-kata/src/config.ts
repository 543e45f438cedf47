import * as v from 'valibot';

const size = v.pipe(v.number(), v.integer(), v.minValue(64), v.maxValue(1 << 20));

/** The section `[plugin.snapshot-kata]` of a config file. */
export const configSchema = v.strictObject({
  upper: v.optional(
    v.pipe(
      v.picklist(['ext4', 'directory']),
      v.description(
        'what a container writes to: a file system in a file, as virtual machines need it, or a directory, for runtimes of this host',
      ),
    ),
    'ext4',
  ),
  upper_size: v.optional(
    v.pipe(size, v.description('MiB that a container can write at most, with upper = "ext4"; space is taken as it is written')),
    10 * 1024,
  ),
  verity: v.optional(
    v.pipe(
      v.boolean(),
      v.description('make a hash tree for each layer, with which a virtual machine checks every read of it (dm-verity)'),
    ),
    false,
  ),
});

export type Config = v.InferOutput<typeof configSchema>;
