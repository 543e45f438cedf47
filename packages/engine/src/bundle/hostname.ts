import { invalid, quote } from './invalid.js';

/** What sethostname(2) takes, and a shell prompt and a resolver can stand. Errors: `HOSTNAME_INVALID`. */
export function parseHostname(text: string): string {
  if (text.length > 64 || !/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/.test(text)) {
    throw invalid(
      'HOSTNAME_INVALID',
      `Host name ${quote(text)} is not 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-", with no "." or "-" at its ends`,
    );
  }
  return text;
}
