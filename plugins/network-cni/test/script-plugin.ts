import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** One call of a plugin, as it saw it. */
export interface SeenCall {
  readonly type: string;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Plugins of a test's own, in a folder that comes before that of the host's. */
export class ScriptPlugins {
  readonly folder: string;

  constructor(root: string) {
    this.folder = path.join(root, 'plugins');
    mkdirSync(this.folder, { recursive: true });
  }

  /** `plugin_folders` of the configuration. */
  get folders(): readonly string[] {
    return [this.folder, '/usr/lib/cni'];
  }

  /** A plugin that notes how it is called and then does what `script` says, by shell; its input is in the file `$INPUT`. Passes results on where it says nothing. */
  add(type: string, script = ''): void {
    const passOn =
      'sed -n \'s/.*"prevResult":\\(.*\\)}$/\\1/p\' "$INPUT" | { read -r line; [ -n "$line" ] && echo "$line" || echo \'{"cniVersion":"1.0.0"}\'; }';
    const text = [
      '#!/bin/bash',
      `INPUT=$(mktemp ${this.folder}/input-XXXXXX)`,
      'cat > "$INPUT"',
      `( flock 9; { echo "${type}"; env | grep ^CNI_ | tr '\\n' '\\t'; echo; tr -d '\\n' < "$INPUT"; echo; } >> ${this.folder}/calls ) 9> ${this.folder}/calls-lock`,
      script,
      `[ "$CNI_COMMAND" = ADD ] && { ${passOn}; }`,
      'exit 0',
    ].join('\n');
    const file = path.join(this.folder, type);
    writeFileSync(file, `${text}\n`);
    chmodSync(file, 0o755);
  }

  /** Calls since the last time. */
  calls(): readonly SeenCall[] {
    const file = path.join(this.folder, 'calls');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    rmSync(file);
    return Array.from({ length: lines.length / 3 }, (_, index) => {
      const [type = '', env = '', input = ''] = lines.slice(index * 3, index * 3 + 3);
      const values = Object.fromEntries(
        env
          .split('\t')
          .filter((each) => each !== '')
          .map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
      );
      return { type, command: values['CNI_COMMAND'] ?? '', env: values, input: JSON.parse(input) as Record<string, unknown> };
    });
  }
}
