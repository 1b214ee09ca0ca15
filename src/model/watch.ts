import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidStateError, ModelLoadError, type ModelLoadErrorCode } from '../base/errors.ts';
import { manifestPath } from './load.ts';
import { parseManifest } from './manifest.ts';

export interface ModelWatchOptions {
  /** Loads the model again; rejects when it cannot be used. */
  onChange: (model: string) => Promise<void>;
  /** The model changed and cannot be used. Reported once per change. */
  onError: (model: string, error: Error) => void;
  /** Between two looks at the files, ms. Default 1000. */
  everyMs?: number;
  /** Files that do not fit together are taken for half-written until nothing changed for so long, ms. Default 10000. */
  patienceMs?: number;
}

/** What is wrong with a model as long as its files are being copied. */
const halfWritten: ReadonlySet<ModelLoadErrorCode> = new Set([
  'ERR_MODEL_NOT_FOUND',
  'ERR_MODEL_MANIFEST',
  'ERR_MODEL_HASH',
]);

/**
 * Reports when the files of a model on disk changed: its manifest, or a network that it names. Sizes, times and
 * inodes are looked at once a second, which unlike a watch of the kernel's also sees network file systems, mounts of containers,
 * and folders that a symbolic link no longer points to. What changes is left alone until two looks see the same.
 */
export class ModelWatch {
  readonly #options: Required<ModelWatchOptions>;
  #model = '';
  /** Of the files as they were before they were loaded. */
  #usedState = '';
  #seenState = '';
  #seenMs = 0;
  #triedState: string | undefined;
  /** Of the last try, while more files may come. */
  #error: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ModelWatchOptions) {
    this.#options = { everyMs: 1000, patienceMs: 10_000, ...options };
  }

  /** The model that is watched, as it was named. */
  get model(): string {
    return this.#model;
  }

  /** Watches a model that is not loaded yet. */
  async start(model: string): Promise<void> {
    this.follow(model, await this.stateOf(model));
    this.#lookLater();
  }

  /** From now on this model is watched. `state`: of its files before they were loaded. */
  follow(model: string, state: string): void {
    this.#model = model;
    this.#usedState = state;
    this.#seenState = state;
    this.#triedState = undefined;
    this.#error = undefined;
  }

  /** Another text whenever a file of the model is written, replaced or removed. */
  async stateOf(model: string): Promise<string> {
    try {
      const path = await manifestPath(model);
      const files = [path, ...(await networksOf(path))];
      return (await Promise.all(files.map(fileState))).join(' ');
    } catch (error) {
      return (error as Error).message; // no shipped model of this name (any more): loading it reports that
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(async () => {
      await this.#look(this.#model);
      this.#lookLater();
    }, this.#options.everyMs).unref();
  }

  async #look(model: string): Promise<void> {
    const state = await this.stateOf(model);
    if (this.#closed || model !== this.#model) return;
    const now = performance.now();
    if (state !== this.#seenState) {
      this.#seenState = state;
      this.#seenMs = now;
      this.#triedState = undefined;
      this.#error = undefined;
    } else if (state !== this.#usedState) {
      if (state !== this.#triedState) await this.#try(model, state);
      if (this.#error !== undefined && now - this.#seenMs >= this.#options.patienceMs) this.#tell(model, this.#error);
    }
  }

  async #try(model: string, state: string): Promise<void> {
    try {
      await this.#options.onChange(model);
    } catch (error) {
      // A process is being started again, or the model was changed otherwise: the next check reports it.
      if (this.#closed || model !== this.#model || error instanceof InvalidStateError) return;
      this.#triedState = state;
      this.#error = error as Error;
      if (!(error instanceof ModelLoadError && halfWritten.has(error.code))) this.#tell(model, error as Error);
    }
  }

  #tell(model: string, error: Error): void {
    this.#error = undefined;
    if (!this.#closed) this.#options.onError(model, error);
  }
}

/** Paths of the networks that a manifest names; none while it cannot be read. */
async function networksOf(path: string): Promise<string[]> {
  try {
    const { file, streaming } = parseManifest(await readFile(path, 'utf8'), path);
    return [file, ...(streaming === undefined ? [] : [streaming.heads.file])].map((each) => join(dirname(path), each));
  } catch {
    return [];
  }
}

async function fileState(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}
