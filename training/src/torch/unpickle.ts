import { TrainingError } from '../run/errors.ts';

/** A callable that a pickle may name: only those that the reader was given. */
export type PickleGlobal = (...parameters: unknown[]) => unknown;

export interface UnpickleOptions {
  /** Resolves "module name"; undefined refuses it. */
  global(qualifiedName: string): unknown;
  /** Resolves a persistent id (tensor storages). */
  persistent(id: unknown): unknown;
}

/**
 * Reads a Python pickle of protocol 2 without running anything of it: plain values, containers, and calls of the
 * globals that `options.global` knows (opcodes: Lib/pickletools.py of CPython).
 *
 * @throws {TrainingError} for every other global and every other opcode
 */
export function unpickle(pickle: Buffer, options: UnpickleOptions): unknown {
  return new Unpickler(pickle, options).read();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #options: UnpickleOptions;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #at = 0;

  constructor(bytes: Buffer, options: UnpickleOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  read(): unknown {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop(); // STOP
      this.#execute(opcode);
    }
  }

  #execute(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case 0x80: // PROTO
        this.#byte();
        return;
      case 0x28: // MARK
        this.#marks.push(stack.length);
        return;
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
        stack.push(true);
        return;
      case 0x89: // NEWFALSE
        stack.push(false);
        return;
      case 0x4b: // BININT1
        stack.push(this.#byte());
        return;
      case 0x4d: // BININT2
        stack.push(this.#take(2).readUInt16LE());
        return;
      case 0x4a: // BININT
        stack.push(this.#take(4).readInt32LE());
        return;
      case 0x8a: // LONG1
        stack.push(longOf(this.#take(this.#byte())));
        return;
      case 0x47: // BINFLOAT
        stack.push(this.#take(8).readDoubleBE());
        return;
      case 0x58: // BINUNICODE
        stack.push(this.#take(this.#take(4).readUInt32LE()).toString('utf8'));
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        return;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        return;
      case 0x74: // TUPLE
        stack.push(this.#popToMark());
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(stack.splice(-(opcode - 0x84)));
        return;
      case 0x71: // BINPUT
        this.#memo.set(this.#byte(), stack.at(-1));
        return;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#take(4).readUInt32LE(), stack.at(-1));
        return;
      case 0x68: // BINGET
        stack.push(this.#memo.get(this.#byte()));
        return;
      case 0x6a: // LONG_BINGET
        stack.push(this.#memo.get(this.#take(4).readUInt32LE()));
        return;
      case 0x63: // GLOBAL
        stack.push(this.#global());
        return;
      case 0x51: // BINPERSID
        stack.push(this.#options.persistent(this.#pop()));
        return;
      case 0x52: // REDUCE
        this.#reduce();
        return;
      case 0x73: // SETITEM
        this.#setItems(stack.splice(-2));
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popToMark());
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popToMark());
        return;
      case 0x62: // BUILD: attributes of an object, such as a state dictionary's metadata
        this.#pop();
        return;
      default:
        throw this.#fault(`opcode 0x${opcode.toString(16)} is not read`);
    }
  }

  #global(): unknown {
    const qualifiedName = `${this.#line()} ${this.#line()}`;
    const value = this.#options.global(qualifiedName);
    if (value === undefined) throw this.#fault(`refused global ${qualifiedName}`);
    return value;
  }

  #reduce(): void {
    const parameters = this.#pop();
    const callable = this.#pop();
    if (typeof callable !== 'function' || !Array.isArray(parameters)) throw this.#fault('calls what is no function');
    this.#stack.push((callable as PickleGlobal)(...parameters));
  }

  #setItems(pairs: readonly unknown[]): void {
    const target = this.#stack.at(-1);
    if (!(target instanceof Map)) throw this.#fault('sets items of what is no dictionary');
    for (let n = 0; n < pairs.length; n += 2) target.set(pairs[n], pairs[n + 1]);
  }

  #append(items: readonly unknown[]): void {
    const target = this.#stack.at(-1);
    if (!Array.isArray(target)) throw this.#fault('appends to what is no list');
    target.push(...items);
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw this.#fault('takes from an empty stack');
    return this.#stack.pop();
  }

  #popToMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#fault('has no mark');
    return this.#stack.splice(mark);
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#fault('ends early');
    const line = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #byte(): number {
    return this.#take(1)[0] as number;
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw this.#fault('ends early');
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  #fault(what: string): TrainingError {
    return new TrainingError('invalid-input', `pickle ${what} (byte ${this.#at})`);
  }
}

/** A little-endian two's complement number of any length; a number where it is safe, else a bigint. */
function longOf(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let n = bytes.length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n] as number);
  if (bytes.length > 0 && (bytes[bytes.length - 1] as number) & 0x80) value -= 1n << BigInt(8 * bytes.length);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
