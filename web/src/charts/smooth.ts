// An exponential moving average that begins at the first value (without a bias to zero). `weight`
// is how much of the past stays: 0 changes nothing, towards 1 it gets calmer. NaN stays NaN.
export function smooth(values: Float64Array, weight: number): Float64Array {
  if (weight <= 0) return values;
  const smoothed = new Float64Array(values.length);
  let sum = 0;
  let total = 0;
  values.forEach((value, index) => {
    if (Number.isNaN(value)) {
      smoothed[index] = NaN;
      return;
    }
    sum = sum * weight + value * (1 - weight);
    total = total * weight + (1 - weight);
    smoothed[index] = sum / total;
  });
  return smoothed;
}
