import * as v from 'valibot';

/** Settings of a plugin for an OCI runtime whose usual program is `program`. */
export function toolConfig(program: string) {
  return v.strictObject({
    /** A name that is looked up in PATH, or an absolute path. */
    binary: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^(?:[^/\0]+|\/[^\0]+)$/, 'a command name or an absolute path'),
        v.description(`${program}, by name or absolute path; any OCI runtime with runc's command line will do`),
      ),
      program,
    ),
    cgroup_driver: v.optional(
      v.pipe(
        v.picklist(['cgroupfs', 'systemd']),
        v.description(
          'who makes the cgroups; default: as the parent cgroup is named, else systemd where it runs the host with cgroup v2',
        ),
      ),
    ),
  });
}
