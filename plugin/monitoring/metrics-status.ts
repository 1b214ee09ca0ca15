/**
 * For how long the members of a group had which status, summed up over all of them: who they are stays in here.
 * Time is an argument, ms of any steady clock.
 */
export class StatusSeconds<Status extends string> {
  readonly #members = new Map<string, { status: Status; sinceMs: number }>();
  readonly #seconds = new Map<Status, number>();

  /** From now on the member has this status. */
  set(member: string, status: Status, nowMs: number): void {
    this.#settle(member, nowMs);
    this.#members.set(member, { status, sinceMs: nowMs });
  }

  /** The member is gone. */
  delete(member: string, nowMs: number): void {
    this.#settle(member, nowMs);
    this.#members.delete(member);
  }

  /** All members are gone. */
  clear(nowMs: number): void {
    for (const member of [...this.#members.keys()]) this.delete(member, nowMs);
  }

  /** Seconds of each status since they were taken last. */
  take(nowMs: number): Map<Status, number> {
    for (const member of this.#members.keys()) this.#settle(member, nowMs);
    const taken = new Map(this.#seconds);
    this.#seconds.clear();
    return taken;
  }

  #settle(member: string, nowMs: number): void {
    const known = this.#members.get(member);
    if (known === undefined) return;
    const seconds = (nowMs - known.sinceMs) / 1000;
    this.#seconds.set(known.status, (this.#seconds.get(known.status) ?? 0) + seconds);
    known.sinceMs = nowMs;
  }
}
