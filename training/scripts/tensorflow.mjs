// Builds the binding of @tensorflow/tfjs-node against a current TensorFlow library: the one inside the official Python
// wheel. The package's own install script would download TensorFlow 2.9.1 instead.
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hashOf, root, run, UserError } from '../../scripts/lib.mjs';
import { cacheFolder } from './cache.mjs';
import { wheelFolder } from './wheels.mjs';

export const tensorflowVersion = '2.21.0';

/** The libraries and the headers that the C interface includes. */
const members =
  '^tensorflow/(libtensorflow_(cc|framework)\\.so\\.2$|include/(tensorflow/c/|tensorflow/core/platform/ctstring|tsl/platform/ctstring|xla/tsl/c/tsl_status))';

/** Folder of @tensorflow/tfjs-node in this package. */
function packageFolder() {
  const require = createRequire(new URL('../package.json', import.meta.url));
  return dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
}

function headerFolder() {
  const folder = join(dirname(dirname(process.execPath)), 'include/node');
  if (existsSync(join(folder, 'node_api.h'))) return folder;
  if (existsSync('/usr/include/node/node_api.h')) return '/usr/include/node';
  throw new UserError(`the C headers of Node (include/node/node_api.h) are not beside ${process.execPath}`);
}

/** Puts tfjs_binding.node where the package looks for it; compiles it when the cache has none for these inputs. */
export async function buildTensorflowBinding() {
  // The wheel of one Python version serves every machine: only its C library is used.
  const wheel = { name: 'tensorflow-cpu', version: tensorflowVersion, members };
  const library = join(await wheelFolder({ ...wheel, pipArguments: ['--python-version', '3.11'] }), 'tensorflow');
  const target = packageFolder();
  const sources = join(target, 'binding');
  const hash = hashOf([sources.slice(root.length + 1)], [tensorflowVersion, library, process.version, process.arch]);
  const built = join(cacheFolder(), `tfjs-binding-${hash}`, 'tfjs_binding.node');
  if (!existsSync(built)) {
    console.log('compiling the TensorFlow binding');
    await compile({ sources, library, output: built });
  }
  const napiVersion = 8; // the newest that the package knows, Node 16 and later
  const installed = join(target, 'lib', `napi-v${napiVersion}`, 'tfjs_binding.node');
  mkdirSync(dirname(installed), { recursive: true });
  copyFileSync(built, installed);

  async function compile({ sources, library, output }) {
    mkdirSync(dirname(output), { recursive: true });
    const temporary = `${output}.${process.pid}`;
    const flags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION'];
    const includes = [`-I${headerFolder()}`, `-I${join(library, 'include')}`];
    const files = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(sources, file));
    const link = [
      `-L${library}`,
      '-l:libtensorflow_cc.so.2',
      '-l:libtensorflow_framework.so.2',
      `-Wl,-rpath,${library}`,
    ];
    await run('g++', [...flags, ...includes, ...files, ...link, '-o', temporary], { quiet: true });
    renameSync(temporary, output);
  }
}
