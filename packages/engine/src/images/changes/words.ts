/** What `$NAME` stands for. */
export type Lookup = (name: string) => string | undefined;

/**
 * Splits at blanks that are not quoted, as Dockerfiles do; quotes, backslashes and variables stay as they are. Throws an `Error` that says why.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\' && quote !== "'") word += character + text.charAt(++at);
    else if (quote === '' && isBlank(character)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (character === quote) quote = '';
      else if (quote === '' && (character === '"' || character === "'")) quote = character;
      word += character;
    }
  }
  if (quote !== '') throw new Error(`has a ${quote} without an end`);
  return word === '' ? words : [...words, word];
}

/**
 * What a text means once quotes are taken off and variables are filled in: `'as it is'`, `"with $NAME"`, `\$`, `$NAME`, `${NAME}`,
 * `${NAME:-if unset or empty}`, `${NAME:+if set}`. Throws an `Error` that says why.
 */
export function expand(text: string, lookup: Lookup): string {
  let result = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === "'") {
      if (character === "'") quote = '';
      else result += character;
    } else if (character === '\\') result += escaped(text.charAt(++at), quote);
    else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === '$') {
      const variable = readVariable(text, at, lookup);
      result += variable.value;
      at += variable.length - 1;
    } else result += character;
  }
  if (quote !== '') throw new Error(`has a ${quote} without an end`);
  return result;
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}

/** Between double quotes a backslash is one like any other, but before what it can take the meaning of. */
function escaped(character: string, quote: string): string {
  return quote === '"' && !['"', '$', '\\'].includes(character) ? `\\${character}` : character;
}

const bareName = /\$([A-Za-z_][A-Za-z0-9_]*)/y;
const bracedName = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?:\}|:([-+]))/y;

interface Variable {
  readonly value: string;
  /** Characters that it takes. */
  readonly length: number;
}

function readVariable(text: string, at: number, lookup: Lookup): Variable {
  bareName.lastIndex = at;
  const bare = bareName.exec(text);
  if (bare?.[1] !== undefined) return { value: lookup(bare[1]) ?? '', length: bare[0].length };
  if (text.charAt(at + 1) !== '{') return { value: '$', length: 1 };
  bracedName.lastIndex = at;
  const [start = '', name = '', operator] = bracedName.exec(text) ?? [];
  if (start === '') throw new Error(`has a variable that is not understood: ${text.slice(at, at + 40)}`);
  const value = lookup(name) ?? '';
  if (operator === undefined) return { value, length: start.length };
  const end = text.indexOf('}', at + start.length);
  if (end < 0) throw new Error('has a ${ without an end');
  const other = expand(text.slice(at + start.length, end), lookup);
  const chosen = operator === '-' ? value || other : value === '' ? '' : other;
  return { value: chosen, length: end + 1 - at };
}
