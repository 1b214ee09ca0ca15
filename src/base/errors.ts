/** The object is closed, or not in a state that allows the call. */
export class InvalidStateError extends Error {
  override readonly name = 'InvalidStateError';
  readonly code = 'ERR_INVALID_STATE';
}

/** What is wrong with a model. */
export type ModelLoadErrorCode =
  /** No manifest or no network of that name or path. */
  | 'ERR_MODEL_NOT_FOUND'
  /** The manifest is not JSON, or a field of it is missing, unknown or of another kind. */
  | 'ERR_MODEL_MANIFEST'
  /** The network file is not the one the manifest was written for. */
  | 'ERR_MODEL_HASH'
  /** The network was made for another front end than this package computes. */
  | 'ERR_MODEL_FEATURES'
  /** Inputs or outputs of the network are not those of the manifest. */
  | 'ERR_MODEL_SHAPE'
  /** The runtime cannot load the network. */
  | 'ERR_MODEL_RUNTIME';

/** A model whose file, hash, constants or shapes disagree; the message names the file, the field, what was expected and what was found. */
export class ModelLoadError extends Error {
  override readonly name = 'ModelLoadError';
  readonly code: ModelLoadErrorCode;

  constructor(code: ModelLoadErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A scorer process could not start: its own error is the `cause`, its system error code (such as EADDRINUSE) the `code`. */
export class ScorerStartError extends Error {
  override readonly name = 'ScorerStartError';
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
