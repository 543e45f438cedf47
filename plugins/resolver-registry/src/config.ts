import * as v from 'valibot';

/** Where containerd, docker and podman look for settings of registry hosts, and we before them. */
const defaultConfigPath: readonly string[] = ['/etc/slipway/certs.d', '/etc/containerd/certs.d', '/etc/docker/certs.d'];

/** `host` or `host:port` as it stands in image names; matched exactly, port included. */
const hostKey = v.pipe(v.string(), v.regex(/^[a-z0-9.:[\]-]+$/, 'must be a lower-case host or host:port'));

const credentials = v.pipe(
  v.strictObject({
    username: v.pipe(v.string(), v.regex(/^[^:\p{Cc}]+$/u, 'must not be empty or have colons')),
    password: v.optional(v.string()),
    /** Its content without the final line break. */
    password_file: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
  }),
  v.check((c) => (c.password === undefined) !== (c.password_file === undefined), 'must have either password or password_file'),
);

export const registryConfig = v.strictObject({
  auth: v.optional(v.record(hostKey, credentials), {}),
  /** The one file of credentials, as docker and podman keep them. Unset: theirs, where they look for them. */
  auth_file: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
  /** Seconds that a credential helper may take for an answer. */
  helper_timeout: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(3600)), 20),
  /** Folders with a folder for each host, in the format of containerd (`hosts.toml`) or docker. */
  config_path: v.optional(v.array(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))), [...defaultConfigPath]),
  hosts: v.optional(
    v.record(
      hostKey,
      v.strictObject({
        /** Speak http (true) or https (false) to this host. Unset: https, but http to loopback. */
        plain_http: v.optional(v.boolean()),
        /** Redirects and token realms of other hosts may lead to this one although its address is private. */
        allow_private_address: v.optional(v.boolean(), false),
      }),
    ),
    {},
  ),
  /** A PEM file of certificate authorities to trust besides the system's. */
  ca: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
  /** Seconds without a byte, before and in a body, after which a connection is given up. */
  idle_timeout: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(3600)), 30),
  /** Over how many connections one large layer may come. 0 and 1: one. */
  connections_per_layer: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(16)), 4),
  /** How many pieces of layers may be on their way from one registry, over all layers. */
  connections_per_registry: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(64)), 6),
});

export type RegistryConfig = v.InferOutput<typeof registryConfig>;
export type Credentials = v.InferOutput<typeof credentials>;
