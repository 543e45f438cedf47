import type { ArgumentSpec } from '../command.js';
import { type CompletedOption, type Completion, completions } from './words.js';

export function zshCompletion(): string {
  const all = completions();
  return `#compdef slipway
# zsh completion for slipway

_slipway_images() {
  local -a names
  names=(\${(f)"$(slipway images -q 2>/dev/null)"})
  compadd -a names
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
  const words =
    choices.length > 0 ? `(${choices.join(' ')})` : completes === undefined ? ' ' : completes === 'file' ? '_files' : '_files -/';
  return names.map((name) => {
    const equals = takesValue && name.startsWith('--') ? '=' : '';
    return quoted(`*${name}${equals}[${meaning}]${takesValue ? `:value:${words}` : ''}`);
  });
}

function argumentSpec({ name, choices, completes }: ArgumentSpec, index: number, passesThrough: boolean): string {
  const label = name.replaceAll(/[<>[\].]/g, '');
  const words =
    choices !== undefined
      ? `(${choices.join(' ')})`
      : completes === 'directory'
        ? '_files -/'
        : label === 'ref'
          ? '_slipway_images'
          : '_files';
  if (passesThrough && index > 0)
    return quoted(name.includes('...') ? `*::${label}:_normal` : `${index + 1}::${label}:_command_names -e`);
  return quoted(name.includes('...') ? `*:${label}:${words}` : `${index + 1}:${label}:${words}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
