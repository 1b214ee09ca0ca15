// Which room may import which: a room imports those below it in its list, never one above it or beside it. The lint stage
// of `npm test` checks it; test/rooms.test.ts shows that it fails on an import upwards.

/** The rooms of a folder, top first; those of one line do not import each other. */
const rooms = {
  src: [
    ['index.ts'],
    ['verification'],
    ['host'],
    ['scoring'],
    ['quality', 'model'],
    ['engine'],
    ['rtp', 'base'],
    ['events.ts'],
    ['event-words.ts'],
  ],
  plugin: [['index.ts'], ['monitoring', 'dashboard'], ['mediasoup', 'client'], ['feeds']],
  'training/src': [
    ['cli.ts'],
    ['commands'],
    ['pipeline', 'quantize'],
    ['prune', 'panel'],
    ['agree'],
    ['distill', 'evaluate', 'teacher'],
    ['export'],
    ['learning', 'structure'],
    ['teach'],
    ['degrade', 'distill-mos', 'xls-r'],
    ['student', 'onnx', 'torch', 'queue', 'corpus', 'statistics'],
    ['audio', 'tensorflow.ts'],
    ['run'],
  ],
};

/** What a folder imports beside itself. */
const folders = {
  src: [],
  plugin: ['src/'],
  cli: ['plugin/', 'src/'],
  'training/src': ['src/', 'training/package.json', 'training/scripts/cache.mjs'],
  examples: ['plugin/', 'test/support/'],
};

/** Rooms that others enter by their index. */
const entered = ['plugin/client'];

const anyFolder = '^(bench|cli|examples|plugin|scripts|src|test|training)/(?!node_modules/)';

const escaped = (name) => name.replaceAll('.', '\\.');
const pathOf = (folder, room) => `^${folder}/${escaped(room)}${room.endsWith('.ts') ? '$' : '/'}`;

const downwards = Object.entries(rooms).flatMap(([folder, levels]) =>
  levels.flatMap((level, depth) =>
    level.map((room) => {
      const elsewhere = levels.slice(0, depth + 1).flat();
      return {
        name: `${folder}/${room}-imports-downwards`,
        severity: 'error',
        from: { path: pathOf(folder, room) },
        to: { path: elsewhere.filter((other) => other !== room).map((other) => pathOf(folder, other)) },
      };
    }),
  ),
);

const betweenFolders = Object.entries(folders).map(([folder, others]) => ({
  name: `${folder}-imports-what-it-may`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: { path: anyFolder, pathNot: [`${folder}/`, ...others].map((name) => `^${escaped(name)}`) },
}));

const byIndex = entered.map((room) => ({
  name: `${room}-by-its-index`,
  severity: 'error',
  from: { path: anyFolder, pathNot: [`^${room}/`, '^test/'] },
  to: { path: `^${room}/`, pathNot: '/index\\.ts$' },
}));

export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-room-without-a-place',
      severity: 'error',
      from: {
        path: Object.keys(rooms).map((folder) => `^${folder}/`),
        pathNot: Object.entries(rooms).flatMap(([folder, levels]) => levels.flat().map((room) => pathOf(folder, room))),
      },
      to: {},
    },
    ...downwards.filter(({ to }) => to.path.length > 0),
    ...betweenFolders,
    ...byIndex,
    {
      name: 'src-knows-neither-mediasoup-nor-socketio',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: ['node_modules/mediasoup/', 'node_modules/@?socket\\.io'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^plugin/client/dist/' },
    enhancedResolveOptions: { extensions: ['.ts', '.mts', '.mjs', '.js', '.cjs', '.d.ts', '.json'] },
  },
};
