// Builds the bindings of @tensorflow/tfjs-node and tfjs-node-gpu against a current TensorFlow library: the one inside the
// official Python wheel. The packages' own install scripts would download TensorFlow 2.9.1 instead.
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hashOf, quietly, root, run, UserError } from '../../scripts/lib.mjs';
import { cacheFolder } from './cache.mjs';
import { wheelFolder } from './wheels.mjs';

export const tensorflowVersion = '2.21.0';

/** The libraries and the headers that the C interface includes. */
const members =
  '^tensorflow/(libtensorflow_(cc|framework)\\.so\\.2$|include/(tensorflow/c/|tensorflow/core/platform/ctstring|tsl/platform/ctstring|xla/tsl/c/tsl_status))';

/**
 * What TensorFlow loads on an NVIDIA GPU: the packages of its extra `and-cuda`, less those of XLA, which TensorFlow.js does
 * not use. The library looks for them in the folder nvidia beside its own.
 */
const cudaPackages = [
  'nvidia-cublas-cu12==12.9.3.13',
  'nvidia-cuda-cupti-cu12==12.9.79',
  'nvidia-cuda-nvrtc-cu12==12.9.86',
  'nvidia-cuda-runtime-cu12==12.9.79',
  'nvidia-cudnn-cu12==9.28.0.42',
  'nvidia-cufft-cu12==11.4.1.4',
  'nvidia-curand-cu12==10.3.10.19',
  'nvidia-cusolver-cu12==11.7.5.82',
  'nvidia-cusparse-cu12==12.5.10.65',
  'nvidia-nccl-cu12==2.32.3',
  'nvidia-nvjitlink-cu12==12.9.86',
];

/** For each device: the package of TensorFlow.js, and the wheel with its library. */
export const tensorflowVariants = {
  cpu: { package: '@tensorflow/tfjs-node', wheel: { name: 'tensorflow-cpu', members } },
  gpu: {
    package: '@tensorflow/tfjs-node-gpu',
    wheel: { name: 'tensorflow', members: `${members}|^nvidia/\\w+/lib/`, more: cudaPackages },
  },
};

/** Folder of a package that this one depends on. */
function packageFolder(name) {
  const require = createRequire(new URL('../package.json', import.meta.url));
  return dirname(require.resolve(`${name}/package.json`));
}

function headerFolder() {
  const folder = join(dirname(dirname(process.execPath)), 'include/node');
  if (existsSync(join(folder, 'node_api.h'))) return folder;
  if (existsSync('/usr/include/node/node_api.h')) return '/usr/include/node';
  throw new UserError(`the C headers of Node (include/node/node_api.h) are not beside ${process.execPath}`);
}

/**
 * Puts tfjs_binding.node where the package looks for it; compiles it when the cache has none for these inputs.
 *
 * @param {'cpu' | 'gpu'} device
 */
export async function buildTensorflowBinding(device) {
  const variant = tensorflowVariants[device];
  // The wheel of one Python version serves every machine: only its C library is used.
  const wheel = { ...variant.wheel, version: tensorflowVersion, pipArguments: ['--python-version', '3.11'] };
  const library = join(await wheelFolder(wheel), 'tensorflow');
  const target = packageFolder(variant.package);
  const sources = join(target, 'binding');
  const hash = hashOf([sources.slice(root.length + 1)], [tensorflowVersion, library, process.version, process.arch]);
  const built = join(cacheFolder(), `tfjs-binding-${hash}`, 'tfjs_binding.node');
  if (!existsSync(built)) {
    console.log(`compiling the binding of ${variant.package}`);
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
    await run('g++', [...flags, ...includes, ...files, ...link, '-o', temporary], quietly);
    renameSync(temporary, output);
  }
}
