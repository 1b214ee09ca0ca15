#!/usr/bin/env node
// Runs the TypeScript command line through tsx.
import { register } from 'tsx/esm/api';

// Before TensorFlow is loaded: no notes on how it was built.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
register();
await import('../src/cli.ts');
