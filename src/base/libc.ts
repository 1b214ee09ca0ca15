/** The version of glibc that this process runs on, as '2.36'; null on other C libraries (Alpine has musl). */
export function glibcVersion(): string | null {
  // Its types know nothing of what the report of a program linked to glibc has.
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ?? null;
}

export const otherLibcAdvice =
  'the C library here is not glibc: musl (Alpine) is not supported, use an image of Debian or Ubuntu, as node:22-slim';
