import type { QualityChange, StreamEvent } from '../../src/events.ts';
import { CallSummary } from '../../src/quality/call-summary.ts';
import { QualityMonitor } from '../../src/quality/monitor.ts';
import type { Thresholds } from '../../src/quality/thresholds.ts';
import {
  type EventHead,
  type MosEvent,
  type MosReportEvent,
  type MosStatusEvent,
  type MosWarningEvent,
  type ProducerOrigin,
  type ProducerSnapshot,
  toMosEvent,
} from './events.ts';

/**
 * Events of one producer, over all its streams: numbered, with its states, warnings and report.
 * Has no clock: every call takes the time, Unix ms.
 */
export class ProducerVoice {
  readonly #originOf: () => ProducerOrigin;
  readonly #say: (event: MosEvent) => void;
  readonly #monitor: QualityMonitor;
  readonly #summary: CallSummary;
  readonly #openWarnings = new Map<string, MosWarningEvent>();
  /** A listener may close or pause the producer: then earlier events are emitted first. */
  readonly #untold: MosEvent[] = [];
  #sequence = 0;
  #status: MosStatusEvent | undefined;

  constructor(
    { thresholds, startMs }: { thresholds: Thresholds; startMs: number },
    originOf: () => ProducerOrigin,
    say: (event: MosEvent) => void,
  ) {
    this.#originOf = originOf;
    this.#say = say;
    this.#monitor = new QualityMonitor(thresholds);
    this.#summary = new CallSummary(startMs);
  }

  /** Whether there was any event. */
  get hasSpoken(): boolean {
    return this.#sequence > 0;
  }

  /** The newest score or reason; none while it is not listened to. */
  get status(): MosStatusEvent | undefined {
    return this.#status;
  }

  get snapshot(): ProducerSnapshot {
    return {
      ...this.#originOf(),
      nextSequence: this.#sequence,
      state: this.#monitor.state,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      warnings: [...this.#openWarnings.values()],
    };
  }

  hear(event: StreamEvent, nowMs: number): void {
    this.#status = toMosEvent(event, this.#head(nowMs));
    const changes = event.type === 'score' ? this.#monitor.score(event, nowMs) : this.#monitor.noScore(nowMs);
    if (event.type === 'score') this.#summary.score(event, this.#monitor.state, nowMs);
    else this.#summary.noScore(event, nowMs);
    this.#tell(this.#status, ...this.#eventsOf(changes, nowMs));
  }

  /** Lets time pass. */
  advance(nowMs: number): void {
    this.#tell(...this.#eventsOf(this.#monitor.advance(nowMs), nowMs));
  }

  /** It is not scored until the next event. */
  pause(nowMs: number): void {
    this.#status = undefined;
    this.#summary.pause(nowMs);
    this.#tell(...this.#eventsOf(this.#monitor.forget(), nowMs));
  }

  /** The call so far. Made on demand it takes no number: its sequence is that of the next event. */
  report(nowMs: number): MosReportEvent {
    const head = { ...this.#originOf(), sequence: this.#sequence, time: nowMs };
    return { type: 'report', ...head, ...this.#summary.report(nowMs, false) };
  }

  /** The last words. */
  end(nowMs: number): void {
    this.#status = undefined;
    const changes = this.#eventsOf(this.#monitor.forget('closed'), nowMs);
    const report: MosReportEvent = { type: 'report', ...this.#head(nowMs), ...this.#summary.report(nowMs, true) };
    this.#tell(...changes, report, { type: 'producerclose', ...this.#head(nowMs) });
  }

  /** Takes note of changes. */
  #eventsOf(changes: QualityChange[], nowMs: number): MosEvent[] {
    return changes.map((change) => {
      this.#summary.change(change, nowMs);
      const { type, ...fields } = change;
      const event = { type, ...this.#head(nowMs), ...fields } as MosEvent;
      if (event.type === 'warning') this.#openWarnings.set(event.name, event);
      else if (event.type === 'warningcleared') this.#openWarnings.delete(event.name);
      return event;
    });
  }

  #tell(...events: MosEvent[]): void {
    this.#untold.push(...events);
    for (let event = this.#untold.shift(); event !== undefined; event = this.#untold.shift()) this.#say(event);
  }

  #head(nowMs: number): EventHead {
    return { ...this.#originOf(), sequence: this.#sequence++, time: nowMs };
  }
}
