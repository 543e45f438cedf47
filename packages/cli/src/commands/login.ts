import type { RegistryCredentials } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { askOnTerminal } from '../prompt.js';
import { readSecret } from '../secret-input.js';
import { usageError } from '../usage-error.js';

export const defaultRegistry = 'docker.io';

export const login: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [host = defaultRegistry] = args;
  const { store } = await interruptible(`login to ${JSON.stringify(host)}`, async (signal) => {
    const credentials = await credentialsOf(invocation, signal);
    return withEngine(invocation, (engine) => engine.registries.login(host, credentials, { stack: global.stack, signal }));
  });
  if (global.json) output.out(`${printableJson({ host, store }, 2)}\n`);
  else output.out(global.quiet ? `${printable(host)}\n` : `Logged in to ${printable(host)}\n`);
  // A helper is a name, a file a path.
  if (store.startsWith('/'))
    output.err(
      `warning: the credentials are kept unencrypted in ${printable(store)}; name a credential helper as "credsStore" there to change that\n`,
    );
  return 0;
};

async function credentialsOf({ options, output }: Invocation, signal: AbortSignal): Promise<RegistryCredentials> {
  const isToken = options.flag('identityToken');
  const username = options.text('username');
  const password = options.text('password');
  const fromStdin = options.flag('passwordStdin');
  if (password !== undefined && fromStdin) throw usageError('login', '--password and --password-stdin exclude each other');
  if (isToken && username !== undefined) throw usageError('login', '--identity-token and --username exclude each other');
  if (fromStdin && !isToken && username === undefined)
    throw usageError('login', '--password-stdin needs --username: stdin is used for the password alone');
  if (password !== undefined)
    output.err(
      'warning: a password on the command line is seen by others on this host and kept by shells; use --password-stdin\n',
    );
  const given = password ?? (fromStdin ? await readSecret(signal) : undefined);
  if (isToken) return { identityToken: given ?? (await askOnTerminal('Identity token: ', { hidden: true, signal })) };
  return {
    username: username ?? (await askOnTerminal('Username: ', { hidden: false, signal })),
    password: given ?? (await askOnTerminal('Password: ', { hidden: true, signal })),
  };
}
