import { createRequire } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * The JavaScript of lmdb and koffi is bundled, their native parts stay in the packages that npm installs for this system. Both look in ten
 * places at each start; asked first is the one where it is for glibc, and their own search only where that cannot be loaded.
 */
const lmdb = `
const path = require('node:path');
module.exports = () => {
  try {
    return require('@lmdb/lmdb-' + process.platform + '-' + process.arch + '/node.napi.glibc.node');
  } catch {
    const file = require('node:module').createRequire(__filename).resolve('lmdb');
    return require('node:module').createRequire(file)('node-gyp-build-optional-packages')(path.join(path.dirname(file), '..'));
  }
};
`;

const koffi = (name: string): string => `
try {
  module.exports = require('${name}/${name.replace('@koromix/koffi-', '').replace('-', '_')}/koffi.node');
} catch {
  const { createRequire } = require('node:module');
  module.exports = createRequire(createRequire(__filename).resolve('koffi'))('${name}');
}
`;

/** Of msgpackr, lmdb takes the class that encodes values of another format than ours; evaluating it takes 3 ms. */
const msgpackr = 'exports.Encoder = undefined;';

export const nativeCode: Plugin = {
  name: 'native-code',
  setup: ({ onResolve, onLoad }) => {
    // The one that is required, also where it is imported: a single file.
    onResolve({ filter: /^(lmdb|koffi)$/ }, ({ path: name, resolveDir }) => ({
      path: createRequire(path.join(resolveDir, 'index.js')).resolve(name),
    }));
    onResolve({ filter: /^(node-gyp-build-optional-packages|msgpackr|@koromix\/koffi-[a-z0-9-]+)$/ }, ({ path: name }) => ({
      path: name,
      namespace: 'native-code',
    }));
    onResolve({ filter: /\.node$/ }, () => ({ external: true }));
    onLoad({ filter: /.*/, namespace: 'native-code' }, ({ path: name }) => ({
      contents: name === 'msgpackr' ? msgpackr : name.startsWith('@') ? koffi(name) : lmdb,
    }));
  },
};
