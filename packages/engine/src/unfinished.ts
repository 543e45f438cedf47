import { SlipwayError } from '@slipway/plugin-api';

export function unfinished(what: string): SlipwayError {
  return new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: what });
}
