export interface HysteresisOptions {
  /** Of the newest `outOf` observations, this many must agree ... */
  readonly needed: number;
  readonly outOf: number;
  /** ... and go on doing so for this long, ms. */
  readonly holdMs: number;
}

/** A yes or no that does not flicker: it follows what is observed only when that is clear and lasts. */
export class Hysteresis {
  readonly #options: HysteresisOptions;
  readonly #initial: boolean | undefined;
  #value: boolean | undefined;
  #recent: boolean[] = [];
  /** Since when the observations clearly are the opposite of the value, ms. */
  #oppositeSince: number | undefined;

  /** `initial`: the value until observations differ; undefined = none, and the first clear answer holds at once. */
  constructor(options: HysteresisOptions, initial: boolean | undefined) {
    this.#options = options;
    this.#initial = initial;
    this.#value = initial;
  }

  get value(): boolean | undefined {
    return this.#value;
  }

  observe(observation: boolean, nowMs: number): void {
    const { needed, outOf, holdMs } = this.#options;
    this.#recent = [...this.#recent, observation].slice(-outOf);
    const yes = this.#recent.filter(Boolean).length;
    const clear = yes >= needed ? true : this.#recent.length - yes >= needed ? false : undefined;
    if (clear === undefined || clear === this.#value) {
      this.#oppositeSince = undefined;
      return;
    }
    this.#oppositeSince ??= nowMs;
    if (this.#value !== undefined && nowMs - this.#oppositeSince < holdMs) return;
    this.#value = clear;
    this.#oppositeSince = undefined;
  }

  /** As if nothing had been observed. */
  reset(): void {
    this.#value = this.#initial;
    this.#recent = [];
    this.#oppositeSince = undefined;
  }
}
