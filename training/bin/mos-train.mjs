#!/usr/bin/env node
// Runs the TypeScript command line through tsx.
import { register } from 'tsx/esm/api';

// Before TensorFlow is loaded: no notes on how it was built.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
// One thread unless told otherwise: with more, sums are made in an order that changes, and a run cannot be repeated bit for bit.
process.env.OMP_NUM_THREADS ??= '1';
process.env.TF_NUM_INTRAOP_THREADS ??= '1';
register();
await import('../src/cli.ts');
