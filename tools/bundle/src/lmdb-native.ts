import { createRequire } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * lmdb's JavaScript is bundled; its native part stays in its package. lmdb searches ten places for it at each start: asked first is the
 * package that npm installs for this system, and lmdb's own search only where that is not there.
 */
const loader = `
const path = require('node:path');
module.exports = () => {
  const from = require('node:module').createRequire(require('node:module').createRequire(__filename).resolve('lmdb'));
  const libc = process.report.getReport === undefined || !require('node:fs').existsSync('/etc/alpine-release') ? 'glibc' : 'musl';
  try {
    return from('@lmdb/lmdb-' + process.platform + '-' + process.arch + '/node.napi.' + libc + '.node');
  } catch {
    return from('node-gyp-build-optional-packages')(path.join(path.dirname(from.resolve('lmdb')), '..'));
  }
};
`;

export const lmdbNative: Plugin = {
  name: 'lmdb-native',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^lmdb$/ }, ({ resolveDir }) => ({
      path: createRequire(path.join(resolveDir, 'plugin.js')).resolve('lmdb'),
    }));
    onResolve({ filter: /^node-gyp-build-optional-packages$/ }, () => ({ path: 'loader', namespace: 'lmdb-native' }));
    onLoad({ filter: /.*/, namespace: 'lmdb-native' }, () => ({ contents: loader }));
  },
};
