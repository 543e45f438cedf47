import { type CompletedOption, type Completion, completions } from './words.js';

export function fishCompletion(): string {
  const lines = completions().flatMap((one) => [
    ...one.subcommands.map(({ name, text }) => `complete -c slipway -n ${when(one)} -a ${quoted(name)} -d ${quoted(text)}`),
    ...one.options.map((option) => `complete -c slipway -n ${when(one)} ${optionWords(option)} -d ${quoted(option.text)}`),
    ...one.args.flatMap(({ name, choices, completes }) => {
      if (choices !== undefined) return [`complete -c slipway -n ${when(one)} -a ${quoted(choices.join(' '))}`];
      if (completes === 'directory') return [`complete -c slipway -n ${when(one)} -a '(__fish_complete_directories)'`];
      return /^[<[]ref/.test(name) ? [`complete -c slipway -n ${when(one)} -a '(slipway images -q 2>/dev/null)'`] : [];
    }),
  ]);
  return `# fish completion for slipway
function __slipway_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l plain
    for word in $words
        string match -q -- '-*' $word; or set -a plain $word
    end
    set -l wanted (string split ' ' -- $argv[1])
    test -z "$argv[1]"; and return (test (count $plain) -eq 0)
    test (count $plain) -ge (count $wanted); or return 1
    test "$plain[1..(count $wanted)]" = "$wanted"
end

complete -c slipway -f
${lines.join('\n')}
`;
}

function when({ path }: Completion): string {
  return quoted(`__slipway_at "${path}"`);
}

function optionWords({ names, takesValue, choices, completes }: CompletedOption): string {
  const words = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (!takesValue) return words.join(' ');
  if (choices.length > 0) return [...words, '-x', '-a', quoted(choices.join(' '))].join(' ');
  return [...words, completes === undefined ? '-x' : '-r -F'].join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
