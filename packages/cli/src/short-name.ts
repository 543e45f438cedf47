import { formatReference, parseReference, recordedReference } from '@slipway/oci';

/** A recorded name as short as it may be typed: `alpine:latest`, `localhost:5000/app:1`. What is no name of a registry stays as it is. */
export function shortName(name: string): string {
  const reference = recordedReference(name);
  if (reference === undefined) return name;
  const short = name.replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
  // `docker.io/localhost/app` is of another registry when it is cut.
  return isSame(short, name) ? short : name;
}

function isSame(short: string, name: string): boolean {
  try {
    return formatReference(parseReference(short)) === name;
  } catch {
    return false;
  }
}
