import { SlipwayError } from '@slipway/plugin-api';

/** `NAME=value` as it is; `NAME` with the value it has here, or nothing when it has none. */
export function ownValue(entry: string, own: NodeJS.ProcessEnv): string[] {
  if (entry.includes('=')) return [entry];
  const value = own[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

/**
 * Docker's env files: one variable to a line, the value as it stands (no quotes, no escapes); blank lines and lines that
 * start with `#` say nothing. Errors: `invalid-argument` with ENV_FILE_INVALID, naming file and line but no value.
 */
export function envFileEntries(file: string, text: string, own: NodeJS.ProcessEnv): string[] {
  return text.split('\n').flatMap((line, index) => {
    const entry = line.replace(/\r$/, '').trimStart();
    if (entry === '' || entry.startsWith('#')) return [];
    const setting = entry.includes('=') ? entry : entry.trimEnd();
    const [name = ''] = setting.split('=', 1);
    if (name.trimEnd() === '') throw invalid(file, index + 1, 'has no name before "="');
    if (/\s/.test(name)) throw invalid(file, index + 1, 'has white space in the name of a variable');
    return ownValue(setting, own);
  });
}

function invalid(file: string, line: number, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'ENV_FILE_INVALID',
    message: `env file ${JSON.stringify(file)} line ${line} ${why}`,
    hint: 'expected NAME=value or NAME on each line',
  });
}
