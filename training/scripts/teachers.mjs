// The teachers' weights, out of their packages on PyPI. Both packages are under the MIT licence.
import { wheelFolder } from './wheels.mjs';

export const teacherWheels = [
  { name: 'distillmos', version: '0.9.1', members: '^distillmos/weights/|LICENSE' },
  { name: 'speechmos', version: '0.0.1.1', members: '^speechmos/(dnsmos|plcmos)_models/|LICENSE' },
];

export async function fetchTeachers() {
  for (const wheel of teacherWheels) await wheelFolder(wheel);
}
