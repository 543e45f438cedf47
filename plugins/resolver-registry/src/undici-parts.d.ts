// The two parts of undici that are used. Its front door loads fetch, caches, mocks and web sockets as well: 100 ms instead of 28.

declare module 'undici/lib/dispatcher/pool.js' {
  import type { Pool } from 'undici';

  const pool: typeof Pool;
  export = pool;
}

declare module 'undici/lib/core/connect.js' {
  import type { buildConnector } from 'undici';

  const build: typeof buildConnector;
  export = build;
}

declare module 'undici/lib/api/index.js' {
  import type { Dispatcher } from 'undici';

  const api: {
    request(this: Dispatcher, options: Dispatcher.RequestOptions & { highWaterMark: number }): Promise<Dispatcher.ResponseData>;
  };
  export = api;
}
