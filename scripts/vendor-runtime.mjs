// Copies what the package brings of onnxruntime: runtime/, its loader and its CPU libraries for Linux
//   node scripts/vendor-runtime.mjs
// As a dependency, onnxruntime-node would run an install script that downloads CUDA libraries (and fails where it cannot),
// and bring the libraries of five platforms.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root, runIfScript } from './lib.mjs';

const source = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const target = join(root, 'runtime');
const libraries = 'bin/napi-v6/linux';

const licence = `onnxruntime, MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

export function vendorRuntime() {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'dist'), { recursive: true });
  for (const name of readdirSync(join(source, 'dist')).filter((each) => each.endsWith('.js'))) {
    cpSync(join(source, 'dist', name), join(target, 'dist', name));
  }
  cpSync(join(source, libraries), join(target, libraries), { recursive: true });
  const { name, version, license } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  const description = { name, version, license, type: 'commonjs', main: 'dist/index.js' };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
  writeFileSync(join(target, 'LICENSE'), licence);
}

await runIfScript(import.meta.url, vendorRuntime);
