// The teachers' weights, out of their packages on PyPI. All packages are under the MIT licence.
import { packageFolder, wheelFolder } from './wheels.mjs';

export const teacherWheels = [
  { name: 'distillmos', version: '0.9.1', members: '^distillmos/weights/|LICENSE' },
  { name: 'speechmos', version: '0.0.1.1', members: '^speechmos/(dnsmos|plcmos)_models/|LICENSE' },
  // The heads only: the networks below them are on Hugging Face, under Apache-2.0.
  { name: 'xls-r-sqa', version: '0.1.0', members: '^xls_r_sqa/models/sqa-v2/xls-r-|LICENSE' },
];

/** Full-reference metrics, which are programs. PESQ is under the MIT licence. */
export const metricPackages = [{ name: 'pesq', version: '0.0.4', needs: ['numpy'] }];

export async function fetchTeachers() {
  for (const wheel of teacherWheels) await wheelFolder(wheel);
  for (const metric of metricPackages) await packageFolder(metric);
}
