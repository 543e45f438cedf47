import type { Completed } from '../command.js';
import { type CompletedArgument, type CompletedOption, type Completion, completions } from './words.js';

export function zshCompletion(): string {
  const all = completions();
  return `#compdef slipway
# zsh completion for slipway

_slipway_names() {
  local -a names
  names=(\${(f)"$(slipway complete-names $1 "$PREFIX" 2>/dev/null)"})
  compadd -a names
}

_slipway_paths() {
  local -a names
  names=(\${(f)"$(slipway complete-names container-paths "$PREFIX" 2>/dev/null)"})
  compadd -S '' -a names
  _files
}

${all.map(functionOf).join('\n\n')}

if [ "$funcstack[1]" = _slipway ]; then _slipway "$@"; else compdef _slipway slipway; fi
`;
}

function functionOf(one: Completion): string {
  const specs = one.options.flatMap(optionSpecs);
  if (one.subcommands.length === 0) {
    return `${nameOf(one.path)}() {
  _arguments -S ${[...specs, ...one.args.map((arg, index) => argumentSpec(arg, index, one.passesThrough))].join(' \\\n    ')}
}`;
  }
  const described = one.subcommands.map(({ name, text }) => quoted(`${name}:${text}`));
  const cases = one.subcommands
    .filter(({ name }) => name !== 'help')
    .map(({ name }) => `      ${name}) ${nameOf(one.path === '' ? name : `${one.path} ${name}`)} ;;`);
  return `${nameOf(one.path)}() {
  local curcontext=$curcontext state line
  local -a commands
  commands=(${described.join(' ')})
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
    command) _describe command commands ;;
    rest) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

function nameOf(path: string): string {
  return `_slipway${path === '' ? '' : `_${path.replaceAll(' ', '_')}`}`;
}

function optionSpecs({ names, text, takesValue, choices, completes }: CompletedOption): string[] {
  const meaning = text.replaceAll(/[[\]:]/g, (character) => `\\${character}`);
  const words = wordsFor(choices, completes) ?? ' ';
  return names.map((name) => {
    const equals = takesValue && name.startsWith('--') ? '=' : '';
    return quoted(`*${name}${equals}[${meaning}]${takesValue ? `:value:${words}` : ''}`);
  });
}

function argumentSpec({ label, repeats, choices, completes }: CompletedArgument, index: number, passesThrough: boolean): string {
  const words = wordsFor(choices, completes) ?? '_files';
  const name = label.replaceAll('|', ' or ');
  if (passesThrough && index > 0) return quoted(repeats ? `*::${name}:_normal` : `${index + 1}::${name}:_command_names -e`);
  return quoted(repeats ? `*:${name}:${words}` : `${index + 1}:${name}:${words}`);
}

function wordsFor(choices: readonly string[], completes: Completed | undefined): string | undefined {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (completes === undefined) return undefined;
  if (completes === 'file') return '_files';
  if (completes === 'path') return '_slipway_paths';
  return completes === 'directory' ? '_files -/' : `{_slipway_names ${completes}}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
