// Fewer points that look the same: what a chart of so many pixels can show.

// The first index whose x is not below `value`.
export function lowerBound(xs: Float64Array, value: number): number {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The indices to draw between `begin` and `end` (not included): of each of `buckets` equal pieces,
// where each series is least and greatest. All, where there are no more than that would be. Ascending.
export function pickIndices(
  series: readonly Float64Array[],
  begin: number,
  end: number,
  buckets: number,
): number[] {
  const count = end - begin;
  const picked: number[] = [];
  if (count <= buckets * 2 * Math.max(1, series.length)) {
    for (let index = begin; index < end; index += 1) picked.push(index);
    return picked;
  }
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const from = begin + Math.floor((bucket * count) / buckets);
    const to = begin + Math.floor(((bucket + 1) * count) / buckets);
    const extremes = series.flatMap((values) => extremesOf(values, from, to));
    // The ends of the whole stay, so that a line reaches them.
    if (bucket === 0) extremes.push(begin);
    if (bucket === buckets - 1) extremes.push(end - 1);
    extremes.sort((a, b) => a - b);
    for (const index of extremes) if (index !== picked.at(-1)) picked.push(index);
  }
  return picked;
}

function extremesOf(values: Float64Array, from: number, to: number): number[] {
  let least = -1;
  let greatest = -1;
  for (let index = from; index < to; index += 1) {
    const value = values[index] ?? NaN;
    if (Number.isNaN(value)) continue;
    if (least < 0 || value < (values[least] ?? 0)) least = index;
    if (greatest < 0 || value > (values[greatest] ?? 0)) greatest = index;
  }
  return least < 0 ? [] : [least, greatest];
}
