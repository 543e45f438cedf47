const digest = /^sha(?:256|512):([0-9a-f]{12})[0-9a-f]+$/;

/** The first twelve digits of what is a digest; any other text as it is. */
export function shortDigest(text: string): string {
  return digest.exec(text)?.[1] ?? text;
}
