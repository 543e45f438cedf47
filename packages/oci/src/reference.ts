import { type Digest, SlipwayError } from '@slipway/plugin-api';
import { parseDigest } from './digest.js';
import { quote } from './quote.js';

/** The name of an image, whole: which registry, which repository in it, and which image in that. */
export interface Reference {
  /** Host with its port if it has one: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultRegistry = 'docker.io';
const maxReferenceLength = 1024;
const maxRepositoryLength = 255;
const maxTagLength = 128;

// The grammar of distribution-spec ("Pulling manifests") and of Docker's reference package for the host.
const repositoryPart = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const hostLabel = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;

/**
 * Takes an image name as users write it and gives its whole form, by Docker's rules: `alpine` is
 * `docker.io/library/alpine:latest`; what stands before the first slash is a host when it has a dot or a colon, is
 * `localhost`, or has an upper-case letter; a name with a digest gets no default tag. Host names are lower-cased, except
 * where only upper case shows that they are hosts.
 *
 * Errors: `invalid-argument` with code `REFERENCE_INVALID` (says why) or `DIGEST_INVALID`.
 */
export function parseReference(text: string): Reference {
  // Programs without types.
  if (typeof text !== 'string') throw invalid(String(text), `is of the type ${typeof text}, expected string`);
  if (text === '') throw invalid(text, 'is empty');
  if (text.length > maxReferenceLength)
    throw invalid(text, `has ${text.length} characters, at most ${maxReferenceLength} are allowed`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw invalid(text, 'is a URL', 'leave the scheme out: registry.example.com/repository:tag');
  if (/^\.{0,2}\//.test(text))
    throw invalid(text, 'is a path', 'say what is there: oci:DIRECTORY, oci-archive:FILE or docker-archive:FILE');
  if (/^[0-9a-f]{64}$/.test(text))
    throw invalid(text, 'is 64 hexadecimal digits, which cannot name a repository', 'write a digest as repository@sha256:...');

  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest === '') throw invalid(text, 'has an empty digest after "@"');
  if (digest !== undefined) parseDigest(digest);

  const [registry, rest] = splitRegistry(named);
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  checkRegistry(text, registry);
  const repository = registry === defaultRegistry && path !== '' && !path.includes('/') ? `library/${path}` : path;
  checkRepository(text, repository);
  if (tag !== undefined) checkTag(text, tag);

  if (digest !== undefined) return { registry, repository, ...(tag === undefined ? {} : { tag }), digest };
  return { registry, repository, tag: tag ?? 'latest' };
}

/** The whole name: `docker.io/library/alpine:latest`. {@link parseReference} gives the same reference back. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

function splitRegistry(named: string): [registry: string, rest: string] {
  const slash = named.indexOf('/');
  if (slash < 0) return [defaultRegistry, named];
  const first = named.slice(0, slash);
  const rest = named.slice(slash + 1);
  const lower = first.toLowerCase();
  // The old name of Docker's index stands for the registry itself in names of that time.
  if (lower === 'index.docker.io') return [defaultRegistry, rest];
  if (lower === 'localhost' || /[.:]/.test(lower)) return [lower, rest];
  if (first !== lower) return [first, rest];
  return [defaultRegistry, named];
}

function checkRegistry(text: string, registry: string): void {
  const bracket = registry.startsWith('[') ? registry.indexOf(']') : -1;
  const colon = registry.indexOf(':', bracket + 1);
  const host = colon < 0 ? registry : registry.slice(0, colon);
  if (bracket >= 0) {
    // URL knows IPv6 without loading node:net, which costs 3 ms; the pattern keeps out zones and embedded IPv4, as Docker does.
    if (!/^\[[0-9a-f:]+\]$/.test(host) || !URL.canParse(`http://${host}/`))
      throw invalid(text, `has a host ${quote(host)} that is no IPv6 address in brackets`);
  } else {
    if (host.length > 253) throw invalid(text, `has a host of ${host.length} characters, at most 253 are allowed`);
    const bad = host.split('.').find((label) => label.length > 63 || !hostLabel.test(label));
    if (bad !== undefined)
      throw invalid(text, `has a host ${quote(host)} that is no host name: ${quote(bad)} is no label of one`);
  }
  // URL takes a last label of digits for an IPv4 address, and so does whoever connects: 999.1.1.1 is neither name nor address.
  if (!URL.canParse(`http://${host}/`)) throw invalid(text, `has a host ${quote(host)} that is neither a name nor an address`);
  if (colon < 0) return;
  const port = registry.slice(colon + 1);
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535)
    throw invalid(text, `has a port ${quote(port)}, expected a number from 1 to 65535`);
}

function checkRepository(text: string, repository: string): void {
  if (repository === '') throw invalid(text, 'has no repository');
  if (repository.length > maxRepositoryLength)
    throw invalid(text, `has a repository of ${repository.length} characters, at most ${maxRepositoryLength} are allowed`);
  if (/[A-Z]/.test(repository))
    throw invalid(text, `has upper-case letters in its repository ${quote(repository)}`, 'repository names are lower case');
  for (const part of repository.split('/')) {
    if (part === '') throw invalid(text, `has an empty part in its repository ${quote(repository)}`);
    if (!repositoryPart.test(part))
      throw invalid(
        text,
        `has a part ${quote(part)} in its repository that is not allowed`,
        'parts are lower-case letters and digits, joined by one ".", one or two "_", or any number of "-"',
      );
  }
}

function checkTag(text: string, tag: string): void {
  if (tag === '') throw invalid(text, 'has an empty tag after ":"');
  if (tag.length > maxTagLength)
    throw invalid(text, `has a tag of ${tag.length} characters, at most ${maxTagLength} are allowed`);
  if (!tagPattern.test(tag))
    throw invalid(
      text,
      `has a tag ${quote(tag)} that is not allowed`,
      'tags are letters, digits, "_", "." and "-", and start with none of "." and "-"',
    );
}

function invalid(
  text: string,
  why: string,
  hint = 'an image name looks like registry.example.com:5000/repository:tag',
): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'REFERENCE_INVALID',
    message: `image name ${quote(text)} ${why}`,
    hint,
  });
}
