// Preloaded into jsii's Node process (modules/bindings.py): the AWS provider's own lazy entry point instead of the one
// that loads 2,212 files at once. Same classes, same output. Falls back to the package as it is.
'use strict';
const fs = require('fs');
const Module = require('module');
const path = require('path');

const eager = path.join('@cdktf', 'provider-aws', 'lib', 'index.js');
const resolve = Module._resolveFilename;

Module._resolveFilename = function (...request) {
  const file = resolve.apply(this, request);
  // In jsii's package cache the path holds version and hash between the package's name and lib/.
  const normal = file.replace(/(@cdktf.provider-aws).*(.lib.index\.js)$/, '$1$2');
  if (!normal.endsWith(eager)) return file;
  const lazy = path.join(path.dirname(file), 'lazy-index.js');
  return fs.existsSync(lazy) ? lazy : file;
};
