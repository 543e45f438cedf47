import * as v from 'valibot';

export const configSchema = v.strictObject({
  /** A name that is looked up in PATH, or an absolute path. */
  binary: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(?:[^/\0]+|\/[^\0]+)$/, 'a command name or an absolute path'),
      v.description('runc, by name or absolute path'),
    ),
    'runc',
  ),
});
