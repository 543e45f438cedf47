import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';

export function refusal(
  kind: ErrorKind,
  code: string,
  message: string,
  hint?: string,
  details: Readonly<Record<string, unknown>> = {},
): SlipwayError {
  return new SlipwayError({ kind, code, message, hint, details });
}

const quoted = (text: string): string => JSON.stringify(text.length > 140 ? `${text.slice(0, 140)}...` : text);

export const invalidName = (what: string, name: string): SlipwayError =>
  refusal(
    'invalid-argument',
    'NETWORK_NAME_INVALID',
    `${what} network ${quoted(name)}: a name is 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-", the first a letter or digit, and not none, host or default`,
  );

export const invalidId = (what: string, id: string): SlipwayError =>
  refusal('invalid-argument', 'NETWORK_ID_INVALID', `${what} ${quoted(id)}: that is no container's id`);

export const invalid = (what: string, found: string, hint?: string): SlipwayError =>
  refusal('invalid-argument', 'NETWORK_ARGUMENT_INVALID', `${what}: ${found}`, hint);

export const networkNotFound = (what: string, name: string): SlipwayError =>
  refusal(
    'not-found',
    'NETWORK_NOT_FOUND',
    `${what} network ${quoted(name)}: there is no such network`,
    'slipway network ls lists those that are here',
    {
      network: name,
    },
  );

export const networkExists = (name: string, file: string | undefined): SlipwayError =>
  refusal(
    'already-exists',
    'NETWORK_EXISTS',
    `create network ${quoted(name)}: it is there${file === undefined ? '' : `, in ${quoted(file)}`}`,
    'choose another name, or remove the network first',
    { network: name },
  );

export const networkInUse = (name: string, ids: readonly string[]): SlipwayError =>
  refusal(
    'failed-precondition',
    'NETWORK_IN_USE',
    `remove network ${quoted(name)}: ${ids.join(', ')} ${ids.length === 1 ? 'is' : 'are'} attached`,
    'stop or disconnect what is attached first',
    { network: name, ids },
  );

export const networkNotOurs = (name: string, file: string): SlipwayError =>
  refusal(
    'failed-precondition',
    'NETWORK_NOT_OURS',
    `remove network ${quoted(name)}: it is of the host's own configuration, in ${quoted(file)}`,
    'remove that file',
    { network: name, file },
  );

export const networkDamaged = (name: string, file: string, cause: unknown): SlipwayError =>
  new SlipwayError({
    kind: 'data-loss',
    code: 'NETWORK_DAMAGED',
    message: `network ${quoted(name)}: ${quoted(file)} does not say what the network is`,
    hint: 'remove the network and create it anew',
    cause,
    details: { network: name, file },
  });

export const alreadyAttached = (id: string, network: string): SlipwayError =>
  refusal('already-exists', 'NETWORK_ATTACHED', `attach ${quoted(id)} to network ${quoted(network)}: it is attached`, undefined, {
    id,
    network,
  });

export const subnetOverlaps = (name: string, subnet: string, other: string): SlipwayError =>
  refusal(
    'failed-precondition',
    'NETWORK_SUBNET_OVERLAPS',
    `create network ${quoted(name)}: its subnet ${subnet} overlaps ${other}`,
    'give another subnet, or none',
    { network: name, subnet },
  );

export const notEnforced = (what: string, network: string): SlipwayError =>
  refusal(
    'unimplemented',
    'EGRESS_NOT_ENFORCED',
    `${what}: what may leave cannot be limited in the network ${quoted(network)}, which is of the host's own configuration`,
    'join networks that were created here only',
    { network },
  );

export const noPlugin = (type: string, folders: readonly string[]): SlipwayError =>
  refusal(
    'failed-precondition',
    'CNI_PLUGIN_NOT_FOUND',
    `the CNI plugin ${quoted(type)} is in none of ${folders.join(', ')}`,
    'install the plugins of CNI (apt install containernetworking-plugins), say in plugin_folders where they are, or do without a network: --network none',
    { plugin: type, folders },
  );

export const busy = (id: string): SlipwayError =>
  refusal(
    'unavailable',
    'NETWORK_BUSY',
    `the networks of ${quoted(id)} are being changed by another process, which does not end`,
    'see which CNI plugin still runs for it, and end that',
    { id },
  );

export const networksClosed = (): SlipwayError => refusal('unavailable', 'NETWORKS_CLOSED', 'the network plugin has been closed');
