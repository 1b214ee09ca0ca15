// Builds mediasoup's worker from the C++ sources inside its npm package against the distribution's libraries.
// mediasoup's own build fetches every library from elsewhere; this one needs only Debian packages.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, endianness } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, UserError } from '../lib.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const libraries = [
  'libuv',
  'openssl',
  'libsrtp2',
  'usrsctp',
  'flatbuffers',
  'absl_flat_hash_map',
  'absl_flat_hash_set',
  'absl_btree',
  'absl_inlined_vector',
  'absl_strings',
  'absl_optional',
  'absl_memory',
];

/** Folders of many small files without clashing names: compiled as one file each 16, which halves the build time. */
const joinable = ['src/RTC/SCTP/packet/', 'src/RTC/RTCP/', 'src/RTC/RtpDictionaries/'];
/** Specialises templates that its neighbours use, so it cannot follow them in one unit. */
const alone = ['src/RTC/RTCP/Feedback.cpp'];
const filesPerUnit = 16;

/**
 * The source files that a meson list names.
 *
 * @param {string} mesonFile path of the meson.build file
 * @param {string} variable name of the list in it
 */
function sourcesIn(mesonFile, variable) {
  const list = new RegExp(`^${variable} = \\[\n([^\\]]*)\\]`, 'm').exec(readFileSync(mesonFile, 'utf8'));
  const files = list?.[1].match(/[^',\s]+/g);
  if (!files) throw new UserError(`${mesonFile}: no list ${variable} with sources`);
  return files;
}

/**
 * A copy of DtlsTransport.cpp whose BIO callback hands on the result of every finished operation. As it stands it
 * answers 1 to a finished BIO_ctrl too. OpenSSL built with kernel TLS, as in distributions, asks by BIO_ctrl whether the
 * kernel sends (BIO_CTRL_GET_KTLS_SEND), takes the 1 for a yes, allocates no write buffer and crashes in the first
 * DTLS handshake.
 */
function writeFixedDtlsTransport(source, target) {
  const text = readFileSync(source, 'utf8');
  const wrong = '(operationType == BIO_CB_RETURN)';
  if (text.split(wrong).length !== 2)
    throw new UserError(`${source}: the BIO callback is not the one this build knows`);
  writeFileSync(target, text.replace(wrong, '((operationType & BIO_CB_RETURN) != 0)'));
}

/** Groups the joinable files into units written to `folder`; the other files stay as they are. */
function joinSmallFiles(files, workerFolder, folder) {
  const folderOf = (file) => (alone.includes(file) ? undefined : joinable.find((prefix) => file.startsWith(prefix)));
  const units = [];
  for (const prefix of joinable) {
    const members = files.filter((file) => folderOf(file) === prefix);
    for (let start = 0; start < members.length; start += filesPerUnit) {
      const unit = join(folder, `unit-${units.length}.cpp`);
      const includes = members
        .slice(start, start + filesPerUnit)
        .map((file) => `#include "${join(workerFolder, file)}"\n`);
      writeFileSync(unit, includes.join(''));
      units.push(unit);
    }
  }
  const single = files.filter((file) => folderOf(file) === undefined);
  return [...units, ...single.map((file) => join(workerFolder, file))];
}

const escapePath = (path) => path.replace(/[$ :]/g, '$$$&');

/** The build description for ninja: flatbuffers headers, one object per source, the stripped worker. */
function ninjaFile({ sources, schemas, compileFlags, linkFlags, headersFolder }) {
  const objects = sources.map((_, index) => `object-${index}.o`);
  return `${[
    'rule schemas',
    '  description = schemas',
    `  command = flatc --cpp --cpp-field-case-style lower --reflect-names --scoped-enums --filename-suffix "" -o ${join(headersFolder, 'FBS')} $in && touch $out`,
    'rule compile',
    '  description = compile $in',
    `  command = c++ ${compileFlags} -MMD -MF $out.d -c $in -o $out`,
    '  depfile = $out.d',
    '  deps = gcc',
    'rule link',
    '  description = link $out',
    `  command = c++ -s -o $out @$out.objects ${linkFlags}`,
    '  rspfile = $out.objects',
    '  rspfile_content = $in',
    `build schemas.done: schemas ${schemas.map(escapePath).join(' ')}`,
    ...sources.map((source, index) => `build ${objects[index]}: compile ${escapePath(source)} || schemas.done`),
    `build mediasoup-worker: link ${objects.join(' ')}`,
    'default mediasoup-worker',
  ].join('\n')}\n`;
}

/**
 * Builds the worker and resolves with the path of the binary.
 *
 * @param {string} mediasoupFolder the installed npm package
 * @param {string} buildFolder is created; kept objects make a repeated build quick
 * @param {(line: string) => void} say is given the build's progress
 */
export async function buildWorker(mediasoupFolder, buildFolder, say) {
  const workerFolder = join(mediasoupFolder, 'worker');
  const webrtcFolder = join(workerFolder, 'deps/libwebrtc');
  const headersFolder = join(buildFolder, 'fbs');
  mkdirSync(headersFolder, { recursive: true });

  const dtls = 'src/RTC/DtlsTransport.cpp';
  const fixedDtls = join(buildFolder, 'DtlsTransport.cpp');
  writeFixedDtlsTransport(join(workerFolder, dtls), fixedDtls);

  const own = sourcesIn(join(workerFolder, 'meson.build'), 'common_sources').filter((file) => file !== dtls);
  const webrtc = sourcesIn(join(webrtcFolder, 'meson.build'), 'libwebrtc_sources');
  const schemasFolder = join(workerFolder, 'fbs');
  const pkgConfig = (flag) => execFileSync('pkg-config', [flag, ...libraries], { encoding: 'utf8' }).trim();
  const includeFolders = [
    join(here, 'include'),
    join(workerFolder, 'include'),
    headersFolder,
    webrtcFolder,
    join(webrtcFolder, 'libwebrtc'),
  ];

  writeFileSync(
    join(buildFolder, 'build.ninja'),
    ninjaFile({
      sources: [
        fixedDtls,
        ...joinSmallFiles([...own, 'src/main.cpp'], workerFolder, buildFolder),
        ...webrtc.map((file) => join(webrtcFolder, file)),
      ],
      schemas: readdirSync(schemasFolder)
        .filter((file) => file.endsWith('.fbs'))
        .map((file) => join(schemasFolder, file)),
      compileFlags: [
        '-std=gnu++17 -O3 -DNDEBUG -DMS_EXECUTABLE -DFLATBUFFERS_LOCALE_INDEPENDENT=1 -w',
        `-DMS_${endianness() === 'LE' ? 'LITTLE' : 'BIG'}_ENDIAN`,
        ...includeFolders.map((folder) => `-I'${folder}'`),
        pkgConfig('--cflags'),
      ].join(' '),
      linkFlags: `${pkgConfig('--libs')} -pthread`,
      headersFolder,
    }),
  );
  await run('ninja', ['-C', buildFolder, '-j', `${availableParallelism()}`], { onLine: say });
  return join(buildFolder, 'mediasoup-worker');
}
