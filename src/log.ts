import createDebug, { type Debugger } from 'debug';

/** A logger of the `debug` package under `mediasoup-mos:`; shows nothing unless DEBUG asks. Stream ids may be logged, names of participants never are. */
export function logger(area: string): Debugger {
  return createDebug(`mediasoup-mos:${area}`);
}
