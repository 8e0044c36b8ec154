// The figures of a run as a table, and its charts as a picture.
import type { Columns } from './columns';

// Every step with every figure, as they came. What is not there is empty.
export function metricsCsv(columns: Columns): string {
  const names = columns.names();
  const values = names.map((name) => columns.values(name));
  const lines = [['step', ...names].join(',')];
  columns.x().forEach((step, row) => {
    const cells = values.map((column) => {
      const value = column[row] ?? NaN;
      return Number.isNaN(value) ? '' : String(value);
    });
    lines.push([String(step), ...cells].join(','));
  });
  return lines.join('\n') + '\n';
}

const TITLE_HEIGHT = 28;

// The charts one below the other, each under its title.
export function chartsPicture(
  charts: readonly { title: string; canvas: HTMLCanvasElement }[],
  look: { ground: string; text: string; font: string },
): Promise<Blob | null> {
  const scale = window.devicePixelRatio;
  const title = TITLE_HEIGHT * scale;
  const picture = document.createElement('canvas');
  picture.width = Math.max(...charts.map(({ canvas }) => canvas.width));
  picture.height = charts.reduce((sum, { canvas }) => sum + canvas.height + title, 0);
  const pen = picture.getContext('2d');
  if (!pen) return Promise.resolve(null);
  pen.fillStyle = look.ground;
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.fillStyle = look.text;
  pen.font = `600 ${14 * scale}px ${look.font}`;
  pen.textBaseline = 'middle';
  let top = 0;
  for (const { title: name, canvas } of charts) {
    pen.fillText(name, 12 * scale, top + title / 2);
    pen.drawImage(canvas, 0, top + title);
    top += canvas.height + title;
  }
  return new Promise((resolve) => picture.toBlob(resolve, 'image/png'));
}
