import type { CommandSpec } from '../command.js';

const group = 'Images:';
const host = { name: '[host]', text: 'host or host:port as in names of images (docker.io)' };

/** Credentials of registries. */
export const registrySpecs: readonly CommandSpec[] = [
  {
    name: 'login',
    group,
    args: [host],
    summary: 'try credentials at a registry and keep them',
    description:
      'They are kept as docker, podman and skopeo keep them: in the file that has some for this registry already, or in ~/.docker/config.json ($DOCKER_CONFIG, $REGISTRY_AUTH_FILE); with the credential helper that this file names, or else in the file itself, not encrypted. What is not given is asked for on the terminal.',
    examples: [
      ['slipway login -u alice registry.example.com:5000', 'asks for the password'],
      ['slipway login -u alice --password-stdin < password', 'to docker.io, for scripts'],
      ['slipway login --identity-token --password-stdin registry.example.com < token', 'with an OAuth2 refresh token'],
    ],
    options: [
      { flags: '-u, --username <name>', text: 'user name' },
      { flags: '-p, --password <password>', text: 'password; everybody on this host can see it meanwhile' },
      { flags: '--password-stdin', text: 'read the password from stdin' },
      { flags: '--identity-token', text: 'what is given as password is an identity token (OAuth2 refresh token)' },
    ],
    load: async () => (await import('./login.js')).login,
  },
  {
    name: 'logout',
    group,
    args: [host],
    summary: 'forget the credentials of a registry',
    description: 'In all files, and with all credential helpers, that would be asked for them.',
    examples: [['slipway logout registry.example.com:5000', 'exactly this host and port']],
    options: [],
    load: async () => (await import('./logout.js')).logout,
  },
];
