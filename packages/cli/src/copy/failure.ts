import { hasCode, isSlipwayError, SlipwayError } from '@slipway/plugin-api';

/** What is at one of the two places, and the other does not fit. */
export function unfit(problem: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: 'failed-precondition', code: 'COPY_UNFIT', message: problem, hint });
}

export function notThere(place: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: 'not-found', code: 'PATH_NOT_FOUND', message: `nothing is at ${place}`, hint });
}

/** A path of this machine that cannot be looked at. */
export function localFailure(path: string, error: unknown): unknown {
  const shown = JSON.stringify(path);
  if (hasCode(error, 'ENOENT')) return notThere(shown, 'check the path: each directory that it leads through must be there');
  if (hasCode(error, 'ENOTDIR')) return unfit(`${shown} leads through what is not a directory`);
  if (hasCode(error, 'ELOOP')) return unfit(`${shown} leads through too many symbolic links`);
  if (hasCode(error, 'ENAMETOOLONG')) return unfit(`${shown} is too long for a path`);
  return error;
}

const ofCopying = /^(?:SYSTEM|COPY|ARCHIVE)_|^(?:PATH_NOT_FOUND|NOT_A_DIRECTORY|READ_ONLY)$/;

/** With both places as the user gave them: what failed deep in a copy knows only what it is called in the archive. */
export function withPlaces(source: string, destination: string, error: unknown): unknown {
  if (!isSlipwayError(error) || !ofCopying.test(error.code)) return error;
  const { kind, code, hint, details, cause } = error;
  const problem = error.message.replace(/^copy (?:"[^"/]*\/?": )?/, '');
  const message = `copy ${JSON.stringify(source)} to ${JSON.stringify(destination)}: ${problem}`;
  return new SlipwayError({ kind, code, message, hint, details, cause });
}
