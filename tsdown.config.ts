import { defineConfig } from 'tsdown';

/** ESM and CommonJS with declarations; dist/ mirrors the source folders. */
export default defineConfig({
  entry: [
    'plugin/index.ts',
    'plugin/client/index.ts',
    'plugin/metrics.ts',
    'src/index.ts',
    'src/process/main.ts',
    'cli/main.ts',
    'cli/score/worker.ts',
  ],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
  unbundle: true,
});
