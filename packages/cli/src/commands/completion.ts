import type { Action } from '../command.js';
import { usageError } from '../usage-error.js';

export const completion: Action = async ({ args, output }) => {
  output.out(await scriptFor(args[0]));
  return 0;
};

async function scriptFor(shell: string | undefined): Promise<string> {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.js')).bashCompletion();
    case 'zsh':
      return (await import('../completion/zsh.js')).zshCompletion();
    case 'fish':
      return (await import('../completion/fish.js')).fishCompletion();
    default:
      throw usageError('completion', `no completion for shell ${JSON.stringify(shell ?? '')}`, 'bash, zsh and fish are known');
  }
}
