import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';

function refusal(kind: ErrorKind, code: string, what: string, name: string, found: string, hint?: string): SlipwayError {
  const shortened = name.length > 140 ? `${name.slice(0, 140)}...` : name;
  return new SlipwayError({
    kind,
    code,
    message: `${what} volume ${JSON.stringify(shortened)}: ${found}`,
    hint,
    details: { volume: shortened },
  });
}

export const invalidName = (what: string, name: string): SlipwayError =>
  refusal(
    'invalid-argument',
    'VOLUME_NAME_INVALID',
    what,
    name,
    'a name is 1 to 128 of a-z, A-Z, 0-9, "_", "." and "-", the first a letter or digit',
  );

export const invalidUser = (what: string, name: string, user: string): SlipwayError =>
  refusal(
    'invalid-argument',
    'VOLUME_USER_INVALID',
    what,
    name,
    `the user ${JSON.stringify(user.slice(0, 140))} is not a container's id`,
  );

export const invalidOption = (name: string, found: string, hint?: string): SlipwayError =>
  refusal('invalid-argument', 'VOLUME_OPTION_INVALID', 'create', name, found, hint);

export const volumeNotFound = (what: string, name: string): SlipwayError =>
  refusal('not-found', 'VOLUME_NOT_FOUND', what, name, 'there is no such volume');

export const volumeExists = (name: string): SlipwayError =>
  refusal(
    'already-exists',
    'VOLUME_EXISTS',
    'create',
    name,
    'it is there with other options',
    'choose another name, or remove the volume first',
  );

export const volumeInUse = (name: string, users: readonly string[]): SlipwayError =>
  refusal('failed-precondition', 'VOLUME_IN_USE', 'remove', name, `in use by ${users.join(', ')}`, 'stop what uses it first');

export const volumeDamaged = (what: string, name: string, file: string, cause: unknown): SlipwayError =>
  new SlipwayError({
    kind: 'data-loss',
    code: 'VOLUME_DAMAGED',
    message: `${what} volume ${JSON.stringify(name)}: "${file}" does not say what the volume is`,
    hint: 'what is in the volume is in _data beside that file; copy it away, delete the folder and make the volume anew',
    cause,
    details: { volume: name, file },
  });

export const sourceGone = (name: string, device: string): SlipwayError =>
  refusal(
    'failed-precondition',
    'VOLUME_SOURCE_GONE',
    'mount',
    name,
    `its folder ${JSON.stringify(device)} is not there, expected a directory`,
    'make the folder, or mount what it is on',
  );

export const volumesClosed = (): SlipwayError =>
  new SlipwayError({ kind: 'unavailable', code: 'VOLUMES_CLOSED', message: 'the volume driver has been closed' });
