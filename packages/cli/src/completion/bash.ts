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
  if [[ $path == run ]] && ((position > 0)); then
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
}

_slipway_files() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_slipway_images() {
  _slipway_words "$(slipway images -q 2> /dev/null)" "$1"
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
    return [
      wordsCase(
        `${path}/0`,
        subcommands.map(({ name }) => name),
      ),
    ];
  return args.flatMap(({ name, choices, completes }, index) => {
    const repeats = name.includes('...');
    const pattern = repeats ? `${path}/*` : `${path}/${index}`;
    if (choices !== undefined) return [wordsCase(pattern, choices)];
    if (completes === 'directory') return [`    ${quoted(pattern)}) _slipway_files -d "$current" ;;`];
    if (completes === 'file') return [`    ${quoted(pattern)}) _slipway_files -f "$current" ;;`];
    if (/^[<[]ref/.test(name)) {
      const shown = repeats ? `${quoted(`${path}/`)}*` : quoted(pattern);
      return [`    ${shown}) _slipway_images "$current" ;;`];
    }
    return [];
  });
}

function wordsCase(pattern: string, words: readonly string[]): string {
  return `    ${quoted(pattern)}) _slipway_words ${quoted(words.join(' '))} "$current" ;;`;
}

function valueNames(path: string, options: readonly CompletedOption[]): string[] {
  return options.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names.map((name) => quoted(`${path}:${name}`)));
}

function valueCase(path: string, option: CompletedOption): string[] {
  if (!option.takesValue) return [];
  const pattern = valueNames(path, [option]).join(' | ');
  return [`    ${pattern}) ${valueWords(option)} ;;`];
}

function valueWords({ choices, completes }: CompletedOption): string {
  if (choices.length > 0) return `_slipway_words ${quoted(choices.join(' '))} "$3"`;
  if (completes === 'file') return '_slipway_files -f "$3"';
  if (completes === 'directory') return '_slipway_files -d "$3"';
  return ':';
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
