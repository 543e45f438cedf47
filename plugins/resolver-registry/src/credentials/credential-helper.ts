import { neutralize, quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import { type Credential, secretsOf, tokenUsername } from './credential.js';
import { runHelper } from './helper-process.js';

export interface HelperOptions {
  /** Milliseconds that one call may take. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** `docker-credential-NAME`: a program that keeps credentials, spoken to as docker does. */
export class CredentialHelper {
  readonly program: string;

  /** Errors: `invalid-argument` for a name that could lead to a program anywhere else than in PATH. `source`: who says it. */
  constructor(
    name: string,
    source: string,
    private readonly options: HelperOptions,
  ) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/.test(name))
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'REGISTRY_HELPER_INVALID',
        message: `${source} names the credential helper ${quote(name)}, expected letters, digits, ".", "_" and "-"`,
      });
    this.program = `docker-credential-${name}`;
  }

  /** Undefined when it has none. Errors: `failed-precondition` (missing, failing, answers nonsense), `unavailable` (too slow). */
  async get(server: string): Promise<Credential | undefined> {
    const { code, stdout, stderr } = await this.run('get', server);
    if (code !== 0) {
      if (saysNotFound(stdout, stderr)) return undefined;
      throw this.failure(`asking ${quote(this.program)} for the credentials of ${quote(server)}`, code, stdout, stderr);
    }
    return this.read(stdout, server);
  }

  async store(server: string, credential: Exclude<Credential, { kind: 'registry-token' }>): Promise<void> {
    const [username, secret] =
      credential.kind === 'password' ? [credential.username, credential.password] : [tokenUsername, credential.token];
    const entry = JSON.stringify({ ServerURL: server, Username: username, Secret: secret });
    const { code, stdout, stderr } = await this.run('store', entry);
    if (code === 0) return;
    const what = `giving ${quote(this.program)} the credentials of ${quote(server)}`;
    throw this.failure(what, code, stdout, stderr, secretsOf(credential));
  }

  /** Fulfils with false when there was nothing to be erased. */
  async erase(server: string): Promise<boolean> {
    const { code, stdout, stderr } = await this.run('erase', server);
    if (code === 0) return true;
    if (saysNotFound(stdout, stderr)) return false;
    throw this.failure(`erasing the credentials of ${quote(server)} from ${quote(this.program)}`, code, stdout, stderr);
  }

  private run(verb: string, input: string): ReturnType<typeof runHelper> {
    return runHelper({ program: this.program, verb, input, ...this.options });
  }

  private read(stdout: string, server: string): Credential | undefined {
    let answer: unknown;
    try {
      answer = JSON.parse(stdout);
    } catch {
      answer = undefined;
    }
    const { Username: username, Secret: secret } = (typeof answer === 'object' && answer !== null ? answer : {}) as {
      readonly Username?: unknown;
      readonly Secret?: unknown;
    };
    const isText = (value: unknown): value is string => typeof value === 'string' && !/[\r\n\0]/.test(value);
    if (!isText(username) || !isText(secret))
      throw new SlipwayError({
        kind: 'failed-precondition',
        code: 'REGISTRY_HELPER_FAILED',
        message: `${quote(this.program)} answered for ${quote(server)} with something else than {"Username", "Secret"}`,
      });
    if (secret === '') return undefined;
    return username === tokenUsername || username === ''
      ? { kind: 'identity-token', token: secret }
      : { kind: 'password', username, password: secret };
  }

  private failure(
    what: string,
    code: number | null,
    stdout: string,
    stderr: string,
    secrets: readonly string[] = [],
  ): SlipwayError {
    // Errors are told on stdout (docker's protocol); what looks like an answer may hold a secret.
    let says =
      [stderr, stdout.trimStart().startsWith('{') ? '' : stdout].map((text) => text.trim()).find((text) => text !== '') ?? '';
    for (const secret of secrets) says = says.replaceAll(secret, '***');
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_HELPER_FAILED',
      message: `${what}: it ${code === null ? 'was killed' : `exited with ${code}`}${says === '' ? '' : ` (${neutralize(says, 300)})`}`,
    });
  }
}

/** In the words of docker's library of helpers, which clients compare. */
function saysNotFound(...texts: readonly string[]): boolean {
  return texts.some((text) => /^credentials not found/i.test(text.trim()));
}
