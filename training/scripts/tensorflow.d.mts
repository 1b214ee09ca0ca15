/** For each device: the package of TensorFlow.js, and the wheel with its library. */
export const tensorflowVariants: Record<
  'cpu' | 'gpu',
  { package: string; wheel: { name: string; members: string; more?: string[] } }
>;
