import { intervalText, mosText, reasonText } from '../../../plugin/dashboard/wording.ts';
import type { MosEvent } from '../../../plugin/feeds/events.ts';
import type { ConferenceClient } from './client.ts';
import { byId } from './dom.ts';
import type { Microphone } from './microphone.ts';

interface Harm {
  /** Of the slider. */
  readonly id: string;
  readonly text: (value: number) => string;
  readonly apply: (value: number, call: { client: ConferenceClient; microphone: Microphone }) => void | Promise<void>;
}

const noNoiseDb = -72;
const noLimitKhz = 20;

const harms: readonly Harm[] = [
  {
    id: 'loss',
    text: (percent) => (percent === 0 ? 'none' : `${percent} %`),
    apply: (percent, { client }) => client.impair(percent / 100),
  },
  {
    id: 'noise',
    text: (levelDb) => (levelDb === noNoiseDb ? 'none' : `${levelDb} dBFS`),
    apply: (levelDb, { microphone }) => microphone.setNoise(levelDb === noNoiseDb ? undefined : levelDb),
  },
  {
    id: 'bitrate',
    text: (kbps) => `${kbps} kbit/s`,
    apply: (kbps, { client }) => client.setBitrate(1000 * kbps),
  },
  {
    id: 'band',
    text: (khz) => (khz === noLimitKhz ? 'all frequencies' : `up to ${khz} kHz`),
    apply: (khz, { microphone }) => microphone.setHighestFrequency(khz === noLimitKhz ? undefined : 1000 * khz),
  },
];

/** One's own score, large, and what harms one's own call: so that anybody can see the score move. */
export class OwnCall {
  readonly #mos = byId('own-mos');
  readonly #why = byId('own-why');
  readonly #change = byId('own-change');
  readonly #panel = byId('own-call');
  #call: { client: ConferenceClient; microphone: Microphone } | undefined;
  #newest: number | undefined;
  #before: { mosLqo: number; atMs: number } | undefined;

  constructor(complain: (error: unknown) => void) {
    for (const harm of harms) {
      const slider = byId<HTMLInputElement>(harm.id);
      slider.addEventListener('input', () => {
        this.#showSlider(harm, slider);
        if (this.#newest !== undefined) this.#before = { mosLqo: this.#newest, atMs: Date.now() };
        if (this.#call !== undefined) this.#apply(harm, slider.valueAsNumber).catch(complain);
      });
      this.#showSlider(harm, slider);
    }
    byId('heal').addEventListener('click', () => {
      for (const { id } of harms) {
        const slider = byId<HTMLInputElement>(id);
        if (slider.value === slider.defaultValue) continue;
        slider.value = slider.defaultValue;
        slider.dispatchEvent(new Event('input'));
      }
    });
  }

  /** From now on the sliders work on this call; what they say now holds for it. */
  async begin(call: { client: ConferenceClient; microphone: Microphone }): Promise<void> {
    this.#call = call;
    this.#newest = undefined;
    this.#before = undefined;
    this.#show('–', 'nothing heard yet');
    this.#panel.hidden = false;
    for (const harm of harms) await this.#apply(harm, byId<HTMLInputElement>(harm.id).valueAsNumber);
  }

  end(): void {
    this.#call = undefined;
    this.#panel.hidden = true;
  }

  /** What is said of anybody: this picks what is about oneself. */
  handle(event: MosEvent): void {
    if (this.#call === undefined || event.participantId !== this.#call.client.welcome.participantId) return;
    if (event.type === 'noscore') this.#show('–', reasonText[event.reason]);
    if (event.type !== 'score') return;
    this.#newest = event.mosLqo;
    this.#show(mosText(event), intervalText(event));
    this.#showChange(event.mosLqo);
  }

  async #apply(harm: Harm, value: number): Promise<void> {
    if (this.#call !== undefined) await harm.apply(value, this.#call);
  }

  #showSlider({ text }: Harm, slider: HTMLInputElement): void {
    const words = text(slider.valueAsNumber);
    slider.setAttribute('aria-valuetext', words);
    byId(`${slider.id}-value`).textContent = words;
  }

  #show(mos: string, why: string): void {
    this.#mos.textContent = mos;
    this.#why.textContent = why;
  }

  #showChange(mosLqo: number): void {
    if (this.#before === undefined) return;
    const seconds = Math.round((Date.now() - this.#before.atMs) / 1000);
    this.#change.textContent = `${this.#before.mosLqo.toFixed(2)} before the last change, ${seconds} s ago: ${signed(mosLqo - this.#before.mosLqo)}`;
  }
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
