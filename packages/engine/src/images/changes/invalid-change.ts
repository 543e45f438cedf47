import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';

const known = 'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR can be given';

export function invalidChange(change: string, why: unknown, hint = known): SlipwayError {
  if (isSlipwayError(why) && why.kind === 'unimplemented') return why;
  const text = why instanceof Error ? why.message : String(why);
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CHANGE_INVALID',
    message: `instruction ${JSON.stringify(change)} ${text}`,
    hint,
    cause: why instanceof Error ? why : undefined,
    details: { change },
  });
}

/** Of a Dockerfile, and without a place in an image's config. */
export function unsupportedChange(name: string, why: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'CHANGE_UNSUPPORTED',
    message: `instruction "${name}" cannot be given here: ${why}`,
    hint,
    details: { instruction: name },
  });
}
