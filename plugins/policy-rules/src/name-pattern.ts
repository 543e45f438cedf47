import { formatReference, recordedReference } from '@slipway/oci';

/**
 * A pattern for full names of images. `*` stands for any characters but "/", `**` for any at all; everything else for itself. A reference
 * fits by any of its forms: without tag and digest, with one of them, or with both. What a scheme names (`oci:/srv/app:1`) fits as a whole.
 */
export function fitsName(pattern: string, name: string): boolean {
  return formsOf(name).some((form) => fits(pattern, form));
}

function formsOf(name: string): string[] {
  const reference = recordedReference(name);
  if (reference === undefined) return [name];
  const { registry, repository, tag, digest } = reference;
  const bare = { registry, repository };
  return [
    formatReference(bare),
    ...(tag === undefined ? [] : [formatReference({ ...bare, tag })]),
    ...(digest === undefined ? [] : [formatReference({ ...bare, digest })]),
    name,
  ];
}

/**
 * All places in the pattern that the text up to here may have led to, character by character: the time is bounded by the product
 * of the two lengths, whatever the pattern.
 */
function fits(pattern: string, text: string): boolean {
  const parts = pattern.match(/\*{2,}|./gsu) ?? [];
  const isWildcard = (at: number): boolean => parts[at]?.startsWith('*') === true;
  /** A wildcard may stand for nothing. */
  const reach = (places: Set<number>, at: number): void => {
    places.add(at);
    if (isWildcard(at)) reach(places, at + 1);
  };
  let places = new Set<number>();
  reach(places, 0);
  for (const character of text) {
    const next = new Set<number>();
    for (const at of places) {
      const part = parts[at];
      if (part === character && !isWildcard(at)) reach(next, at + 1);
      else if (isWildcard(at) && (part !== '*' || character !== '/')) reach(next, at);
    }
    places = next;
  }
  return places.has(parts.length);
}

/** What is expected instead, where no full name could fit: a rule that is written for a short name would silently be for nothing. */
export function patternFault(pattern: string): string | undefined {
  const [first = '', ...rest] = pattern.split('/');
  if (first.includes('**')) return undefined;
  if (rest.length === 0) return 'a full name, such as docker.io/library/alpine, or ** for all';
  // By Docker's rules what has neither would be a repository of docker.io.
  if (first === 'localhost' || /[.:*A-Z]/.test(first)) return undefined;
  return `a full name with its registry, such as docker.io/${pattern}`;
}
