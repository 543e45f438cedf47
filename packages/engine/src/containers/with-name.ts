import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What runtimes say of a container names it by its id, which is all that they know. People know it by its name. */
export async function withName<T>(container: Named, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw named(container, error);
  }
}

export function named({ id, name }: Named, error: unknown): unknown {
  const byId = JSON.stringify(id);
  if (!isSlipwayError(error) || !error.message.includes(byId)) return error;
  const { kind, code, hint, details, cause } = error;
  const message = error.message.replaceAll(byId, JSON.stringify(name));
  return new SlipwayError({ kind, code, message, hint, cause, details: { id, ...details, name } });
}
