import { TrainingError } from '../run/errors.ts';

/** The entries of a zip archive that is stored without compression, as torch.save writes it (APPNOTE 6.3 §4.3). */
export function readStoredZip(archive: Buffer, name: string): Map<string, Buffer> {
  const fault = (what: string) => new TrainingError('invalid-input', `${name}: ${what}`);
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0 || end + 22 > archive.length) throw fault('not a zip archive');
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  if (count === 0xffff || at === 0xffffffff) throw fault('zip64 archives are not read');
  const entries = new Map<string, Buffer>();
  for (let entry = 0; entry < count; entry++) {
    if (at + 46 > archive.length || archive.readUInt32LE(at) !== 0x02014b50) throw fault('broken central directory');
    const method = archive.readUInt16LE(at + 10);
    const size = archive.readUInt32LE(at + 20);
    const nameLength = archive.readUInt16LE(at + 28);
    const local = archive.readUInt32LE(at + 42);
    const entryName = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (method !== 0) throw fault(`${entryName} is compressed`);
    if (local + 30 > archive.length) throw fault(`${entryName} lies outside of the archive`);
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    if (start + size > archive.length) throw fault(`${entryName} lies outside of the archive`);
    entries.set(entryName, archive.subarray(start, start + size));
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}
