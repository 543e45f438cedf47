/** One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). Names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const token = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/y;
const quotedString = /"((?:[^"\\]|\\.)*)"/y;
const spaces = /[ \t]*/y;
const maxHeader = 8192;

/**
 * Takes all challenges out of a header, several of which may stand in one line, each with parameters separated by the
 * same commas as the challenges. Reading stops at the first thing that is not of the grammar; what came before it counts.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = (typeof header === 'string' ? header : (header ?? []).join(', ')).slice(0, maxHeader);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const skip = (): void => {
    take(spaces);
  };

  while (at < text.length) {
    skip();
    if (text[at] === ',') {
      at += 1;
      continue;
    }
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) break;
    skip();
    if (text[at] !== '=') {
      challenges.push({ scheme: name, parameters: new Map() });
      continue;
    }
    at += 1;
    skip();
    const quoted = take(quotedString);
    const value = quoted === null ? take(token)?.[0] : (quoted[1] ?? '').replace(/\\(.)/g, '$1');
    const current = challenges.at(-1);
    if (value === undefined || current === undefined) break;
    // The first of two equal names wins: a second would come from whoever could append to the header.
    if (!current.parameters.has(name)) current.parameters.set(name, value);
  }
  return challenges;
}
