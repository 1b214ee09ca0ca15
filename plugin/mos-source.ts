import type { MosObserver } from './observer.ts';

/** What says how producers sound, as far as feeds, metrics and the page need it: a `MosObserver`, or what is shaped like one. */
export interface MosSource extends Pick<MosObserver, 'closed' | 'snapshot' | 'current' | 'observer' | 'on' | 'off'> {}
