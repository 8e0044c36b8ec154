// The figures of a run, a column for each series. A row is a step; where a series has no value
// there, it is NaN.

const FIRST_ROOM = 1024;

export class Columns {
  length = 0;
  private steps = new Float64Array(FIRST_ROOM);
  private readonly columns = new Map<string, Float64Array>();

  // Steps come in order: one that is not after the last is left out.
  append(step: number, values: Readonly<Record<string, number>>): boolean {
    if (this.length > 0 && step <= (this.steps[this.length - 1] ?? 0)) return false;
    if (this.length === this.steps.length) this.grow();
    this.steps[this.length] = step;
    for (const [name, value] of Object.entries(values)) this.column(name)[this.length] = value;
    this.length += 1;
    return true;
  }

  names(): string[] {
    return [...this.columns.keys()];
  }

  x(): Float64Array {
    return this.steps.subarray(0, this.length);
  }

  values(name: string): Float64Array {
    const column = this.columns.get(name);
    return column ? column.subarray(0, this.length) : new Float64Array(this.length).fill(NaN);
  }

  private column(name: string): Float64Array {
    let column = this.columns.get(name);
    if (!column) {
      column = new Float64Array(this.steps.length).fill(NaN);
      this.columns.set(name, column);
    }
    return column;
  }

  private grow() {
    const room = this.steps.length * 2;
    const steps = new Float64Array(room);
    steps.set(this.steps);
    this.steps = steps;
    for (const [name, old] of this.columns) {
      const column = new Float64Array(room).fill(NaN);
      column.set(old);
      this.columns.set(name, column);
    }
  }
}
