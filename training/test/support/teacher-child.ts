// Trains the teacher of a file on rated manifests: a process of its own that can be killed.
import { readTeacherConfiguration } from '../../src/teacher/configuration.ts';
import { trainTeacher } from '../../src/teacher/train.ts';

const [out, file, validation, ...train] = process.argv.slice(2) as [string, string, string, ...string[]];
await trainTeacher({ out, teacher: readTeacherConfiguration(file), train, validation: [validation], seed: 3 });
