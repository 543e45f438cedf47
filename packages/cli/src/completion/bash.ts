import type { Completed } from '../command.js';
import { type CompletedOption, type Completion, completions } from './words.js';

/** For bash 4.2 and newer, with or without bash-completion. */
export function bashCompletion(): string {
  const all = completions();
  return `# bash completion for slipway
_slipway() {
  # Bash splits words at ":" and "=", which names of images and options contain.
  local -a words
  read -ra words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
  local last=$((\${#words[@]} - 1)) path='' position=0 index=1 word
  local current=\${words[last]} previous=\${words[last - 1]}
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*} current=\${current#*=}
  fi
  COMPREPLY=()
  while ((index < last)); do
    word=\${words[index]}
    if _slipway_takes_value "$path" "$word"; then
      ((index += 2))
      continue
    fi
    case $word in
      -*) ;;
      *)
        if _slipway_is_command "\${path:+$path }$word"; then path=\${path:+$path }$word; else ((position += 1)); fi
        ;;
    esac
    ((index += 1))
  done
  _slipway_reply "$path" "$position" "$previous" "$current"
  local typed=\${current%"\${current##*:}"}
  COMPREPLY=("\${COMPREPLY[@]#"$typed"}")
}

_slipway_reply() {
  local path=$1 position=$2 previous=$3 current=$4
  _slipway_value "$path" "$previous" "$current" && return
  if ((position > 0)) && _slipway_passes_through "$path"; then
    _slipway_files -f "$current"
    return
  fi
  if [[ $current == -* ]]; then
    _slipway_words "$(_slipway_options "$path")" "$current"
    return
  fi
  case "$path/$position" in
${all.flatMap(argumentCases).join('\n')}
  esac
}

_slipway_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
  # More is to follow.
  if [[ \${COMPREPLY[0]-} == *[=:] ]]; then compopt -o nospace 2> /dev/null; fi
}

_slipway_files() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_slipway_names() {
  _slipway_words "$(slipway complete-names "$1" "$2" 2> /dev/null)" "$2"
}

_slipway_paths() {
  _slipway_files -f "$1"
  local -a files=("\${COMPREPLY[@]}")
  _slipway_names container-paths "$1"
  COMPREPLY=("\${files[@]}" "\${COMPREPLY[@]}")
}

_slipway_is_command() {
  case $1 in
    ${all
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join(' | ')}) return 0 ;;
  esac
  return 1
}

# What follows the first argument belongs to another program.
_slipway_passes_through() {
  case $1 in
    ${all
      .filter(({ passesThrough }) => passesThrough)
      .map(({ path }) => quoted(path))
      .join(' | ')}) return 0 ;;
  esac
  return 1
}

_slipway_options() {
  case $1 in
${all.map(({ path, options }) => `    ${quoted(path)}) echo ${quoted(options.flatMap(({ names }) => names).join(' '))} ;;`).join('\n')}
  esac
}

_slipway_takes_value() {
  case "$1:$2" in
    ${all.flatMap(({ path, options }) => valueNames(path, options)).join(' | ')}) return 0 ;;
  esac
  return 1
}

_slipway_value() {
  case "$1:$2" in
${all.flatMap(({ path, options }) => options.flatMap((option) => valueCase(path, option))).join('\n')}
    *) return 1 ;;
  esac
  return 0
}

complete -F _slipway slipway
`;
}

function argumentCases({ path, subcommands, args }: Completion): string[] {
  if (subcommands.length > 0)
    return [`    ${quoted(`${path}/0`)}) _slipway_words ${quoted(subcommands.map(({ name }) => name).join(' '))} "$current" ;;`];
  return args.flatMap(({ repeats, choices, completes }, index) => {
    const pattern = repeats ? `${quoted(`${path}/`)}*` : quoted(`${path}/${index}`);
    const words = wordsFor(choices, completes, '$current');
    return words === undefined ? [] : [`    ${pattern}) ${words} ;;`];
  });
}

function valueNames(path: string, options: readonly CompletedOption[]): string[] {
  return options.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names.map((name) => quoted(`${path}:${name}`)));
}

function valueCase(path: string, option: CompletedOption): string[] {
  if (!option.takesValue) return [];
  const pattern = valueNames(path, [option]).join(' | ');
  return [`    ${pattern}) ${wordsFor(option.choices, option.completes, '$3') ?? ':'} ;;`];
}

function wordsFor(choices: readonly string[], completes: Completed | undefined, current: string): string | undefined {
  if (choices.length > 0) return `_slipway_words ${quoted(choices.join(' '))} "${current}"`;
  if (completes === 'file') return `_slipway_files -f "${current}"`;
  if (completes === 'path') return `_slipway_paths "${current}"`;
  if (completes === 'directory') return `_slipway_files -d "${current}"`;
  return completes === undefined ? undefined : `_slipway_names ${completes} "${current}"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
