import type { Completed } from '../command.js';
import { type CompletedOption, type Completion, completions } from './words.js';

export function fishCompletion(): string {
  const lines = completions().flatMap((one) => [
    ...one.subcommands.map(({ name, text }) => `complete -c slipway -n ${when(one)} -a ${quoted(name)} -d ${quoted(text)}`),
    ...one.options.map((option) => `complete -c slipway -n ${when(one)} ${optionWords(option)} -d ${quoted(option.text)}`),
    ...one.args.flatMap(({ choices, completes }) => {
      const words = wordsFor(choices, completes);
      return words === undefined ? [] : [`complete -c slipway -n ${when(one)} -a ${quoted(words)}`];
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
  if (completes === 'file' || completes === 'directory') return [...words, '-r', '-F'].join(' ');
  const values = wordsFor(choices, completes);
  return [...words, '-x', ...(values === undefined ? [] : ['-a', quoted(values)])].join(' ');
}

function wordsFor(choices: readonly string[], completes: Completed | undefined): string | undefined {
  if (choices.length > 0) return choices.join(' ');
  if (completes === undefined || completes === 'file') return undefined;
  if (completes === 'path')
    return '(slipway complete-names container-paths (commandline -ct) 2>/dev/null) (__fish_complete_path (commandline -ct))';
  if (completes === 'directory') return '(__fish_complete_directories)';
  return `(slipway complete-names ${completes} (commandline -ct) 2>/dev/null)`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
